/* Outcomes on their way to the writer: batches by day, repetition, discovery, a slow writer. */
#include "outcome_recorder.h"

#include <event2/event.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "day_report.h"
#include "outcome_batch.h"
#include "unit.h"

const char *const unit_name = "daemon/outcome_recorder";

#define OUTCOME(domain, type)                                                                      \
  "{\"d\":\"" domain "\",\"policies\":[{\"policy-type\":" type ",\"f\":0}]}"

enum {
  NOON = 20000 * MTASTS_DAY_SECONDS + 43200,
};

static struct {
  struct event_base *base;
  struct mtasts_queue queue;
  struct mtasts_jobs jobs;
  struct mtasts_stats stats;
  struct mtasts_outcome_recorder *recorder;
  bool discovery_fails; /* for bad.example */
} it;

static enum mtasts_result_type discover(void *context, struct mtasts_span domain,
                                        struct mtasts_span *reason) {
  (void)context;
  (void)reason;
  return it.discovery_fails && mtasts_span_equal(domain, MTASTS_SPAN("bad.example"))
             ? MTASTS_RESULT_WEBPKI_INVALID
             : MTASTS_RESULT_SUCCESS;
}

static void up(void) {
  memset(&it, 0, sizeof it);
  it.base = event_base_new();
  STAILQ_INIT(&it.jobs);
  CU_ASSERT_TRUE_FATAL(mtasts_queue_init(&it.queue));
  const struct mtasts_outcome_recorder_options options = {
      .base = it.base, .to_writer = &it.queue, .stats = &it.stats, .discovery = discover};
  it.recorder = mtasts_outcome_recorder_new(&options);
  CU_ASSERT_PTR_NOT_NULL_FATAL(it.recorder);
  mtasts_outcome_recorder_configure(it.recorder, true);
}

static void down(void) {
  mtasts_outcome_recorder_free(it.recorder);
  for (struct mtasts_job *job; (job = STAILQ_FIRST(&it.jobs)); mtasts_job_free(job))
    STAILQ_REMOVE_HEAD(&it.jobs, link);
  mtasts_queue_destroy(&it.queue);
  event_base_free(it.base);
}

static void tell(const char *datagram, int64_t now) {
  const struct mtasts_outcome *outcome;
  CU_ASSERT_EQUAL(
      mtasts_outcome_recorder_take(it.recorder, mtasts_span_of(datagram), now, &outcome),
      MTASTS_OUTCOME_ACCEPTED);
  CU_ASSERT_PTR_NOT_NULL_FATAL(outcome);
  CU_ASSERT(outcome->domain.len > 0);
}

/* The next batch that the writer gets; NULL: none. The caller frees it. */
static struct mtasts_outcome_batch *next(void) {
  mtasts_queue_take(&it.queue, &it.jobs);
  struct mtasts_job *job = STAILQ_FIRST(&it.jobs);
  if (!job)
    return NULL;
  STAILQ_REMOVE_HEAD(&it.jobs, link);
  struct mtasts_outcome_batch *batch = job->batch;
  CU_ASSERT_EQUAL(job->kind, MTASTS_JOB_RECORD);
  job->batch = NULL;
  mtasts_job_free(job);
  atomic_fetch_sub(&it.stats.outcome_batches, 1);
  return batch;
}

/* The next batch has this day and so many sessions, in so many different outcomes. */
static void check_next(uint32_t day, uint64_t sessions, size_t outcomes) {
  struct mtasts_outcome_batch *batch = next();
  CU_ASSERT_PTR_NOT_NULL_FATAL(batch);
  uint64_t counted = 0;
  size_t items = 0;
  for (const struct mtasts_batched_outcome *item = mtasts_outcome_batch_first(batch); item;
       item = item->after) {
    counted += item->count;
    items++;
  }
  CU_ASSERT_EQUAL(mtasts_outcome_batch_day(batch), day);
  unit_check(counted == sessions && items == outcomes, "%llu in %zu", (unsigned long long)counted,
             items);
  mtasts_outcome_batch_free(batch);
}

static void test_midnight(void) {
  const int64_t midnight = 20001 * (int64_t)MTASTS_DAY_SECONDS;
  up();
  tell(OUTCOME("a.example", "2"), midnight - 1);
  tell(OUTCOME("a.example", "2"), midnight);
  tell(OUTCOME("a.example", "2"), midnight + 1);
  tell(OUTCOME("a.example", "2"), midnight - 1); /* the clock was set back */
  mtasts_outcome_recorder_flush(it.recorder);
  check_next(20000, 1, 1);
  check_next(20001, 2, 1);
  check_next(20000, 1, 1);
  CU_ASSERT_PTR_NULL(next());
  down();
}

static void test_repetition(void) {
  up();
  for (int i = 0; i < 1000; i++) {
    tell(OUTCOME("a.example", "2"), NOON);
    tell(OUTCOME("A.example.", "2"), NOON);
    tell(OUTCOME("b.example", "9"), NOON);
  }
  mtasts_outcome_recorder_flush(it.recorder);
  check_next(20000, 3000, 2);
  down();
}

/* The state of discovery counts at each datagram, even if it repeats. */
static void test_discovery(void) {
  up();
  tell(OUTCOME("bad.example", "9"), NOON);
  it.discovery_fails = true;
  tell(OUTCOME("bad.example", "9"), NOON);
  tell(OUTCOME("bad.example", "2"), NOON); /* recorded alike */
  tell(OUTCOME("a.example", "9"), NOON);
  it.discovery_fails = false;
  tell(OUTCOME("bad.example", "9"), NOON);
  mtasts_outcome_recorder_flush(it.recorder);
  check_next(20000, 5, 3);
  down();
}

static void test_timer(void) {
  up();
  tell(OUTCOME("a.example", "2"), NOON);
  CU_ASSERT_PTR_NULL(next());
  event_base_dispatch(it.base); /* ends when the timer has */
  check_next(20000, 1, 1);
  down();
}

static void test_not_recorded(void) {
  up();
  tell(OUTCOME("a.example", "2"), NOON);
  mtasts_outcome_recorder_configure(it.recorder, false);
  check_next(20000, 1, 1);
  tell(OUTCOME("a.example", "2"), NOON);
  mtasts_outcome_recorder_flush(it.recorder);
  CU_ASSERT_PTR_NULL(next());
  mtasts_outcome_recorder_configure(it.recorder, true);
  tell(OUTCOME("a.example", "2"), NOON);
  down();
}

/* Nobody takes batches: memory stays bounded, and the domain that varies its outcomes pays. */
static void test_slow_writer(void) {
  char datagram[512];
  unsigned refused = 0;
  const struct mtasts_outcome *outcome;
  up();
  for (int i = 0; i < 60000; i++) {
    snprintf(datagram, sizeof datagram,
             "{\"d\":\"h%d.evil.example\",\"policies\":[{\"policy-type\":2,\"f\":1,"
             "\"failure-details\":[{\"c\":203,\"h\":\"h%d.example\"}]}]}",
             i % 7, i);
    refused += mtasts_outcome_recorder_take(it.recorder, mtasts_span_of(datagram), NOON,
                                            &outcome) == MTASTS_OUTCOME_NO_ROOM;
    CU_ASSERT_PTR_NOT_NULL(outcome);
  }
  unit_check(refused > 30000, "%u", refused);
  for (int i = 0; i < 500; i++) {
    snprintf(datagram, sizeof datagram, OUTCOME("d%d.example", "2"), i);
    tell(datagram, NOON);
  }
  unsigned batches = 0;
  mtasts_outcome_recorder_flush(it.recorder);
  for (struct mtasts_outcome_batch *batch; (batch = next()); batches++)
    mtasts_outcome_batch_free(batch);
  unit_check(batches <= 6, "%u batches", batches);
  down();
}

/* Datagrams whose outcomes are far larger than they are: what is known of them stays bounded. */
static void test_memory(void) {
  char datagram[4096];
  const struct mtasts_outcome *outcome;
  up();
  size_t before = mallinfo2().uordblks;
  for (int i = 0; i < 4000; i++) {
    size_t len = (size_t)snprintf(datagram, sizeof datagram,
                                  "{\"d\":\"h%d.example\",\"policies\":[{\"policy-type\":2,\"f\":1,"
                                  "\"failure-details\":[{\"c\":203}",
                                  i);
    while (len < sizeof datagram - 32)
      len += (size_t)snprintf(datagram + len, sizeof datagram - len, ",{\"c\":203}");
    snprintf(datagram + len, sizeof datagram - len, "]}]}");
    mtasts_outcome_recorder_take(it.recorder, mtasts_span_of(datagram), NOON, &outcome);
    CU_ASSERT_PTR_NOT_NULL(outcome);
  }
  size_t used = mallinfo2().uordblks - before;
  unit_check(used < 48 << 20, "%zu bytes", used); /* 16 MiB, and batches of 28 at most */
  down();
}

const struct unit_test unit_tests[] = {
    {"a batch has the outcomes of one day", test_midnight},
    {"outcomes that repeat are counted", test_repetition},
    {"discovery is asked for each", test_discovery},
    {"a batch waits for half a second", test_timer},
    {"outcome.record = false records nothing", test_not_recorded},
    {"what is known is bounded, whatever it expands to", test_memory},
    {"a slow writer: bounded, and others have room", test_slow_writer},
    {NULL, NULL}};
