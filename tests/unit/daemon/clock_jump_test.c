/* The net loop and OpenSSL under a clock that is set. */
#include "netloop_fixture.h"

const char *const unit_name = "daemon/clock_jump";

enum {
  DAY = 86400,
};

static _Atomic int64_t set_by; /* seconds */

/* In the place of libc's, for all of the process. */
__attribute__((visibility("default"))) time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  now.tv_sec += set_by;
  if (out)
    *out = now.tv_sec;
  return now.tv_sec;
}

static enum mtasts_verdict verdict_of(struct fixture *fixture, const char *name) {
  struct mtasts_entry entry = ask(fixture, MTASTS_JOB_LOOK_UP, name);
  return mtasts_decide(&entry, NULL, answer->freshness, time(NULL)).verdict;
}

/* Thirteen months ahead and back: each logs a line, and afterwards all that was learnt is there
 * again. */
static void ahead_and_back(void) {
  struct fixture *fixture = fixture_up(4);
  struct sample sample;
  CU_ASSERT_EQUAL(
      import(fixture, "refused.example", aged(&sample, MTASTS_MODE_ENFORCE, 604800, 60)),
      MTASTS_OK);
  CU_ASSERT_EQUAL(verdict_of(fixture, "refused.example"), MTASTS_VERDICT_ENFORCE);
  check_logged(fixture, 0, "clock=");
  set_by = (int64_t)400 * DAY;
  CU_ASSERT_EQUAL(verdict_of(fixture, "refused.example"), MTASTS_VERDICT_NONE);
  check_logged(fixture, 1, "clock=jumped by=+34560000s now=");
  /* The certificate has not expired: our clock is wrong. */
  CU_ASSERT_EQUAL(verdict_of(fixture, "good.example"), MTASTS_VERDICT_UNKNOWN);
  check_logged(fixture, 1, "domain=good.example error=sts-webpki-invalid");
  check_logged(fixture, 1, " local=yes");
  set_by = 0;
  CU_ASSERT_EQUAL(verdict_of(fixture, "refused.example"), MTASTS_VERDICT_ENFORCE);
  CU_ASSERT_EQUAL(verdict_of(fixture, "good.example"), MTASTS_VERDICT_ENFORCE);
  check_logged(fixture, 1, "clock=jumped by=-34560000s now=");
  check_logged(fixture, 2, "clock=");
  end(fixture);
}

const struct unit_test unit_tests[] = {
    {"a clock that is ahead for a while costs no policy", ahead_and_back},
    {NULL, NULL},
};
