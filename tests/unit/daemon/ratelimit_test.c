#include "ratelimit.h"

#include "unit.h"

#include <unistd.h>

const char *const unit_name = "daemon/ratelimit";

static void seldom(void) {
  struct mtasts_ratelimit seldom = {0};
  CU_ASSERT_TRUE(mtasts_ratelimit(&seldom, 100));
  CU_ASSERT_FALSE(mtasts_ratelimit(&seldom, 100));
  CU_ASSERT_EQUAL(seldom.suppressed, 1);
  usleep(150000);
  CU_ASSERT_TRUE(mtasts_ratelimit(&seldom, 100));
}

static void pace(void) {
  struct mtasts_burst_limit pace = {0};
  unsigned done = 0;
  for (int i = 0; i < 1000; i++)
    done += mtasts_burst_limit(&pace, 1000, 50);
  CU_ASSERT(done >= 50 && done <= 55); /* a machine that stalls meanwhile lets some more */
  CU_ASSERT_EQUAL(pace.suppressed, 1000 - done);
  usleep(1200000);
  CU_ASSERT_TRUE(mtasts_burst_limit(&pace, 1000, 50));
  /* After a rest all of it is there again, and no more. */
  pace.spent = 0;
  done = 0;
  for (int i = 0; i < 1000; i++)
    done += mtasts_burst_limit(&pace, 1000, 50);
  CU_ASSERT(done >= 50 && done <= 55);
}

const struct unit_test unit_tests[] = {
    {"now and then", seldom}, {"so many in a row and a second", pace}, {NULL, NULL}};
