/* The keys and maps of MTAs, over the socket; what comes later is in front_test. */
#include "front_private.h"

#include "environment.h"
#include "front_fixture.h"

const char *const unit_name = "daemon/front_request";

static void fill_cache(void) {
  struct sample sample;
  known("enforce.example", governing(&sample));
  known("xn--bcher-kva.example", governing(&sample));
  governing(&sample)->policy.mode = MTASTS_MODE_TESTING;
  known("testing.example", &sample.entry);
  governing(&sample)->policy.mode = MTASTS_MODE_NONE;
  known("none.example", &sample.entry);
  known("absent.example", recordless(&sample));
  recordless(&sample)->record = MTASTS_RECORD_VALID;
  sample.entry.error = MTASTS_ERROR_POLICY_FETCH;
  sample.entry.retry_at = sample.entry.next_check;
  known("failing.example", &sample.entry);
}

static char configuration[256]; /* of the front that is up */
static int client, asker;       /* at the two sockets */

static void set_up(const char *text) {
  if (strcmp(text, configuration) == 0)
    return;
  snprintf(configuration, sizeof configuration, "%s", text);
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_CONFIGURE);
  job->snapshot = snapshot(text);
  mtasts_queue_give(&fixture.inbox, job);
  /* Once the front has begun to take its inbox, it does so before it hears another question. */
  while (readable(fixture.inbox.fd, 0))
    usleep(100);
}

static void question(unsigned line, const char *what, const char *map, const struct unit_field *key,
                     const struct unit_field *want) {
  char request[512];
  size_t head = (size_t)snprintf(request, sizeof request, "%s ", map);
  bool beginning = want->len > 2 && strcmp(want->data + want->len - 2, " *") == 0;
  size_t len = beginning ? want->len - 2 : want->len;
  CU_ASSERT_FATAL(head + key->len <= sizeof request);
  memcpy(request + head, key->data, key->len);
  int fd = strcmp(map, "decision") == 0 ? asker : client;
  say_span(fd, request, head + key->len);
  bool heard = hear_within(fd, PATIENCE_MS);
  unit_check(heard && (beginning ? payload_size > len : payload_size == len) &&
                 memcmp(payload, want->data, len) == 0,
             "line %u, %s: %s '%s': '%.250s'", line, what, map, key->data, payload);
}

static void check(unsigned line, const struct unit_field *fields, size_t count) {
  char *rest;
  if (count != 5) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  set_up(fields[3].data);
  for (char *map = strtok_r(fields[1].data, ",", &rest); map; map = strtok_r(NULL, ",", &rest))
    question(line, fields[0].data, map, &fields[2], &fields[4]);
}

static void test_table(void) {
  front_up("");
  *configuration = '\0';
  fill_cache();
  client = enter(MTASTS_SOCKET_SOCKETMAP);
  asker = enter(MTASTS_SOCKET_ASK);
  unit_vectors("tests/data/question.tsv", 90, check);
  no_job("all is in the cache");
  close(client);
  close(asker);
  front_down();
}

/* A value that cannot be read is as good as none, and a failure of the cache. */
static void test_damaged(void) {
  const struct mtasts_cache *cache;
  MDB_txn *txn;
  MDB_val key = {9, (void *)(uintptr_t) "a.example"};
  MDB_val value = {1, (void *)(uintptr_t) "?"};
  front_up("");
  cache = mtasts_store_cache(fixture.store);
  CU_ASSERT_EQUAL_FATAL(mdb_txn_begin(cache->env, NULL, 0, &txn), 0);
  CU_ASSERT_EQUAL(mdb_put(txn, cache->policies, &key, &value, 0), 0);
  CU_ASSERT_EQUAL(mdb_txn_commit(txn), 0);
  int fd = enter(MTASTS_SOCKET_SOCKETMAP);
  say(fd, "postfix a.example");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "a.example", true));
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_STORE_FAILURES), 1);
  say(fd, "postfix b.example");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "b.example", false)); /* ahead */
  close(fd);
  front_down();
}

const struct unit_test unit_tests[] = {
    {"a damaged value is none, and counted", test_damaged},
    {"each map, and each way in which an MTA writes a next hop", test_table},
    {NULL, NULL},
};
