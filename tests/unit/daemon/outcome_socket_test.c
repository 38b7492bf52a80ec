/* Outcomes that MTAs send to the front loop; the datagrams themselves are in outcome_datagram_test.
 */
#include "outcome_socket.h"

#include "front_fixture.h"

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
  no_job("one is out for all who tell of a domain");
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
    {"a flood of them is counted, and not logged one by one", test_flood},
    {NULL, NULL},
};
