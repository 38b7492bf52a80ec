#include "unstored.h"

#include <stdio.h>

#include "front_fixture.h"

const char *const unit_name = "daemon/unstored";

static struct mtasts_unstored unstored;

static struct mtasts_domain domain_of(unsigned number) {
  struct mtasts_domain domain;
  domain.len = (size_t)snprintf(domain.name, sizeof domain.name, "d%u.example", number);
  return domain;
}

static void set(unsigned number, const char *id) {
  struct mtasts_domain domain = domain_of(number);
  struct sample sample;
  policy(&sample, id);
  unsigned char *value = malloc(mtasts_entry_size(&sample.entry));
  CU_ASSERT_PTR_NOT_NULL_FATAL(value);
  mtasts_unstored_set(&unstored, &domain, value, mtasts_entry_encode(&sample.entry, value));
}

static const char *get(unsigned number) {
  static struct mtasts_entry entry;
  struct mtasts_domain domain = domain_of(number);
  return mtasts_unstored_get(&unstored, &domain, &entry) ? entry.policy_id : "";
}

static void test_kept(void) {
  struct mtasts_domain domain = domain_of(1);
  mtasts_unstored_init(&unstored);
  CU_ASSERT_STRING_EQUAL(get(1), "");
  set(1, "one");
  set(2, "two");
  CU_ASSERT_STRING_EQUAL(get(1), "one");
  CU_ASSERT_STRING_EQUAL(get(2), "two");
  set(1, "three");
  CU_ASSERT_STRING_EQUAL(get(1), "three");
  CU_ASSERT_EQUAL(unstored.count, 2);
  mtasts_unstored_set(&unstored, &domain, NULL, 0);
  mtasts_unstored_set(&unstored, &domain, NULL, 0);
  CU_ASSERT_STRING_EQUAL(get(1), "");
  CU_ASSERT_STRING_EQUAL(get(2), "two");
  mtasts_unstored_free(&unstored);
  CU_ASSERT_EQUAL(unstored.count, 0);
}

static void test_bound(void) {
  mtasts_unstored_init(&unstored);
  for (unsigned i = 0; i < MTASTS_UNSTORED_MAX; i++)
    set(i, "id");
  set(0, "again");
  set(MTASTS_UNSTORED_MAX, "id");
  CU_ASSERT_EQUAL(unstored.count, MTASTS_UNSTORED_MAX);
  CU_ASSERT_STRING_EQUAL(get(0), "again");
  CU_ASSERT_STRING_EQUAL(get(1), "");
  CU_ASSERT_STRING_EQUAL(get(2), "id");
  mtasts_unstored_free(&unstored);
}

/* What the cache could not take is answered first, at each map, until that is over. */
static void test_answered_first(void) {
  struct sample sample;
  front_up("");
  known("a.example", governing(&sample));
  ask_like(MTASTS_SOCKET_ASK, "decision a.example", "OK {", "\"id\":\"20260101\"");
  struct mtasts_job *told = mtasts_job_new(MTASTS_JOB_UNSTORED);
  told->domain = (struct mtasts_domain){.name = "a.example", .len = 9};
  governing(&sample);
  memcpy(sample.entry.policy_id, "20260202", 9);
  memcpy(sample.entry.record_id, "20260202", 9);
  sample.entry.policy.mode = MTASTS_MODE_TESTING;
  done(told, MTASTS_OK, &sample.entry, MTASTS_CACHED);
  ask_like(MTASTS_SOCKET_ASK, "decision a.example", "OK {", "\"id\":\"20260202\"");
  ask(MTASTS_SOCKET_SOCKETMAP, "postfix a.example", "NOTFOUND ");
  ask(MTASTS_SOCKET_SOCKETMAP, "sts a.example", "NOTFOUND ");
  CU_ASSERT_STRING_EQUAL(ask_ruling("entry a.example").entry.policy_id, "20260202");
  no_job("it is known");

  /* So is an entry that the cache does not hold at all; if it is due, it is looked up in the
   * background. */
  sample.entry.checked = time(NULL) - 600;
  sample.entry.next_check = time(NULL) - 1;
  sample.entry.policy.mode = MTASTS_MODE_ENFORCE;
  told = mtasts_job_new(MTASTS_JOB_UNSTORED);
  told->domain = (struct mtasts_domain){.name = "b.example", .len = 9};
  done(told, MTASTS_OK, &sample.entry, MTASTS_CACHED);
  ask_like(MTASTS_SOCKET_ASK, "decision b.example", "OK {", "\"id\":\"20260202\"");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "b.example", false));

  told = mtasts_job_new(MTASTS_JOB_UNSTORED);
  told->domain = (struct mtasts_domain){.name = "a.example", .len = 9};
  mtasts_queue_give(&fixture.inbox, told);
  ask_like(MTASTS_SOCKET_ASK, "decision a.example", "OK {", "\"id\":\"20260101\"");
  front_down();
}

const struct unit_test unit_tests[] = {
    {"what the cache could not take is answered first", test_answered_first},
    {"an entry is kept until it is forgotten", test_kept},
    {"the oldest one makes room", test_bound},
    {NULL, NULL},
};
