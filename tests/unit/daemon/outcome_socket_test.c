/* Outcomes that MTAs send to the front loop; the datagrams themselves are in report/outcome_test.
 */
#include "outcome_socket.h"

#include "front_fixture.h"
#include "outcome_batch.h"

const char *const unit_name = "daemon/outcome_socket";

static void tell(const char *datagram, size_t size) {
  CU_ASSERT_EQUAL(send(fixture.outcomes, datagram, size, 0), (ssize_t)size);
}

static void test_outcomes(void) {
#define OUTCOME(domain, type, failed)                                                              \
  "{\"dpv\":\"1\",\"d\":\"" domain "\",\"pr\":\"v=TLSRPTv1\",\"policies\":[{\"policy-type\":" type \
  ",\"failure-details\":[{\"c\":203,\"n\":\"mx.f.example\"}],\"t\":1,\"f\":" failed "}]}"
  static const char *const told[] = {
      OUTCOME("good.example", "2", "0"), "nonsense", OUTCOME("none.example", "9", "1"),
      OUTCOME("bad.example", "2", "1"), OUTCOME("bad.example", "2", "1")};
  static const unsigned char large[MTASTS_ENTRY_SIZE_MAX];
  front_up("");
  for (size_t i = 0; i < sizeof told / sizeof *told; i++)
    tell(told[i], strlen(told[i]));
  struct mtasts_job *recheck = job(MTASTS_JOB_RECHECK, "bad.example", false);
  no_job("one is out for all reports of a domain");
  done(recheck, MTASTS_OK, NULL, MTASTS_ASKED);
  while (readable(fixture.inbox.fd, 0))
    usleep(100);
  tell(told[3], strlen(told[3]));
  mtasts_job_free(job(MTASTS_JOB_RECHECK, "bad.example", false));
  tell((const char *)large, (64 << 10) + 1);
  tell("", 0);
  no_job("the others did not fail under a policy");
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_OUTCOMES), 8);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_OUTCOME_FAILURES), 4);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_OUTCOME_MALFORMED), 3);
  front_down();
}

/* What the front loop gave the writer: sessions whose first detail, if they have one, is of this
 * result type; SUCCESS: without a detail. */
static uint64_t recorded(enum mtasts_result_type result) {
  uint64_t sessions = 0;
  struct mtasts_job *given;
  STAILQ_FOREACH(given, &fixture.to_outcomes.jobs, link) {
    const struct mtasts_batched_outcome *item = mtasts_outcome_batch_first(given->batch);
    for (; item; item = item->after) {
      struct mtasts_bytes_reader reader = {.rest = item->keyed.key};
      struct mtasts_outcome_session session;
      struct mtasts_outcome_detail detail = {.result = MTASTS_RESULT_SUCCESS};
      mtasts_unpack_domain(&reader);
      CU_ASSERT_TRUE_FATAL(mtasts_unpack_session(&reader, &session));
      struct mtasts_bytes_reader details = {.rest = session.details};
      if (session.detail_count > 0)
        CU_ASSERT_TRUE(mtasts_unpack_detail(mtasts_bytes_take_text(&details), &detail));
      sessions += detail.result == result ? item->count : 0;
    }
  }
  return sessions;
}

static void stop_front(void) {
  mtasts_queue_give(&fixture.inbox, mtasts_job_new(MTASTS_JOB_STOP));
  pthread_join(fixture.thread, NULL);
}

static void restart_front(void) {
  CU_ASSERT_EQUAL_FATAL(pthread_create(&fixture.thread, NULL, run_front, NULL), 0);
}

/* A domain whose discovery has failed. */
static void failed(const char *name, enum mtasts_error error, bool local, bool live) {
  static struct sample sample;
  struct mtasts_entry *entry = live ? governing(&sample) : recordless(&sample);
  entry->record = MTASTS_RECORD_VALID;
  memcpy(entry->record_id, "20260102", sizeof "20260102");
  entry->error = error;
  entry->failures = 1;
  entry->retry_at = time(NULL) + 300;
  entry->local_fault = local;
  known(name, entry);
}

/* Policy results come from the engine (RFC 8460 section 4.3.2.2), if the domain's discovery has
 * failed, it has no live policy, and the failure was no fault of this host's or its own override.
 */
static void test_discovery(void) {
  static const char *const told[] = {"fetch.example",   "invalid.example",   "webpki.example",
                                     "local.example",   "live.example",      "record.example",
                                     "unknown.example", "overridden.example"};
  char datagram[256];
  front_up("override \"overridden.example\" { mode = \"none\" }\n");
  failed("fetch.example", MTASTS_ERROR_POLICY_FETCH, false, false);
  failed("invalid.example", MTASTS_ERROR_POLICY_INVALID, false, false);
  failed("webpki.example", MTASTS_ERROR_WEBPKI_INVALID, false, false);
  failed("local.example", MTASTS_ERROR_POLICY_FETCH, true, false);
  failed("live.example", MTASTS_ERROR_POLICY_FETCH, false, true);
  failed("record.example", MTASTS_ERROR_RECORD_INVALID, false, false);
  failed("overridden.example", MTASTS_ERROR_POLICY_FETCH, false, false);
  for (size_t i = 0; i < sizeof told / sizeof *told; i++)
    for (int type = 2; type <= 9; type += 7) {
      int len =
          snprintf(datagram, sizeof datagram,
                   "{\"d\":\"%s\",\"policies\":[{\"policy-type\":%d,\"f\":0}]}", told[i], type);
      tell(datagram, (size_t)len);
    }
  stop_front();
  CU_ASSERT_EQUAL(recorded(MTASTS_RESULT_POLICY_FETCH), 2);
  CU_ASSERT_EQUAL(recorded(MTASTS_RESULT_POLICY_INVALID), 2);
  CU_ASSERT_EQUAL(recorded(MTASTS_RESULT_WEBPKI_INVALID), 2);
  CU_ASSERT_EQUAL(recorded(MTASTS_RESULT_SUCCESS), 10);
  restart_front();
  front_down();
}

/* What is in the socket when the front loop is stopped is recorded as well. */
static void test_end(void) {
  static const char good[] = "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":1,\"f\":0}]}";
  front_up("");
  stop_front();
  for (int i = 0; i < 5; i++)
    tell(good, sizeof good - 1);
  restart_front();
  tell(good, sizeof good - 1);
  stop_front();
  CU_ASSERT_EQUAL(recorded(MTASTS_RESULT_SUCCESS), 6);
  restart_front();
  front_down();
}

/* Lines of the log that begin so, which went to the file. */
static unsigned lines_that_begin(FILE *file, const char *words) {
  char line[512];
  unsigned count = 0;
  rewind(file);
  while (fgets(line, sizeof line, file)) {
    const char *text = strstr(line, ": ");
    count += text && strncmp(text + 2, words, strlen(words)) == 0;
  }
  return count;
}

static void test_flood(void) {
  char datagram[256];
  FILE *log = tmpfile();
  int before = dup(STDERR_FILENO);
  front_up("");
  dup2(fileno(log), STDERR_FILENO);
  for (int i = 0; i < 1000; i++) {
    int len = snprintf(datagram, sizeof datagram,
                       "{\"dpv\":\"1\",\"d\":\"d%d.example\",\"policies\":[{\"policy-type\":9,"
                       "\"failure-details\":[{\"c\":203,\"n\":\"mx\"}],\"f\":1}]}",
                       i);
    tell(datagram, (size_t)len);
  }
  for (int i = 0; i < 1000 && counted(MTASTS_COUNT_OUTCOME_FAILURES) < 1000; i++)
    usleep(10000);
  usleep(500000);
  tell(datagram, strlen(datagram));
  for (int i = 0; i < 1000 && counted(MTASTS_COUNT_OUTCOME_FAILURES) < 1001; i++)
    usleep(10000);
  front_down();
  dup2(before, STDERR_FILENO);
  close(before);
  unsigned written = lines_that_begin(log, "outcome domain=");
  unit_check(written >= 100 && written < 300, "%u lines", written);
  CU_ASSERT_EQUAL(lines_that_begin(log, "outcomes: "), 1);
  fclose(log);
}

const struct unit_test unit_tests[] = {
    {"outcomes are counted, and failures looked after", test_outcomes},
    {"discovery that has failed is recorded", test_discovery},
    {"none is lost at the end", test_end},
    {"a flood of them is counted, and not logged one by one", test_flood},
    {NULL, NULL},
};
