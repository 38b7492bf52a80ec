/* What MTAs tell the front loop of their deliveries; the datagrams themselves are in outcome_test.
 */
#include "outcomes.h"

#include "front_lab.h"

const char *const unit_name = "daemon/outcomes";

static void tell(const char *datagram, size_t size) {
  CU_ASSERT_EQUAL(send(lab.outcomes, datagram, size, 0), (ssize_t)size);
}

static void test_outcomes(void) {
#define OUTCOME(domain, type, failed)                                                              \
  "{\"dpv\":\"1\",\"d\":\"" domain "\",\"pr\":\"v=TLSRPTv1\",\"policies\":[{\"policy-type\":" type \
  ",\"failure-details\":[{\"c\":203,\"n\":\"mx.f.example\"}],\"t\":1,\"f\":" failed "}]}"
  static const char *const told[] = {
      OUTCOME("good.example", "2", "0"), "nonsense", OUTCOME("none.example", "9", "1"),
      OUTCOME("bad.example", "2", "1"), OUTCOME("bad.example", "2", "1")};
  static const unsigned char large[MTASTS_ENTRY_SIZE_MAX];
  raise_front("");
  for (size_t i = 0; i < sizeof told / sizeof *told; i++)
    tell(told[i], strlen(told[i]));
  struct mtasts_job *recheck = job(MTASTS_JOB_RECHECK, "bad.example", false);
  no_job("one is out for all who tell of a domain");
  done(recheck, MTASTS_OK, NULL, MTASTS_ASKED);
  while (readable(lab.inbox.fd, 0))
    usleep(100);
  tell(told[3], strlen(told[3]));
  mtasts_job_free(job(MTASTS_JOB_RECHECK, "bad.example", false));
  tell((const char *)large, (64 << 10) + 1);
  tell("", 0);
  no_job("the others did not fail under a policy");
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_OUTCOMES), 8);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_OUTCOME_FAILURES), 4);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_OUTCOME_MALFORMED), 3);
  raze_front();
}

const struct unit_test unit_tests[] = {
    {"outcomes are counted, and failures looked after", test_outcomes},
    {NULL, NULL},
};
