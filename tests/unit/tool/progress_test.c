#include "progress.h"

#include <string.h>

#include "unit.h"

const char *const unit_name = "tool/progress";

static void check_line(uint64_t done, uint64_t total, double rate, size_t columns,
                       const char *expected) {
  const struct mtasts_progress progress = {.total = total};
  char text[256];
  mtasts_progress_line(&progress, done, rate, columns, text, sizeof text);
  unit_check(strcmp(text, expected) == 0, "%zu columns: \"%s\", not \"%s\"", columns, text,
             expected);
}

static void test_line(void) {
  check_line(0, 1000, 0, 80, "[                              ] 0/1000  0/s");
  check_line(500, 1000, 100, 80, "[###############               ] 500/1000  100/s  0:05 left");
  check_line(1000, 1000, 100, 80, "[##############################] 1000/1000  100/s  0:00 left");
  check_line(7, 0, 3.4, 80, "7 domains  3/s");
  /* A bad line was counted twice: no harm. */
  check_line(1001, 1000, 100, 80, "[##############################] 1001/1000  100/s  0:00 left");
}

static void test_time_left(void) {
  check_line(0, 3599, 1, 30, "0/3599  1/s  59:59 left");
  check_line(0, 3600, 1, 30, "0/3600  1/s  1:00:00 left");
  check_line(0, 1000000, 3, 36, "0/1000000  3/s  92:35:33 left");
  check_line(0, 1000000, 0.001, 36, "0/1000000  0/s  277777:46:40 left");
}

/* The last column stays empty, and what does not fit is left out. */
static void test_width(void) {
  check_line(500, 1000, 100, 37, "[###    ] 500/1000  100/s  0:05 left");
}

static void test_narrow(void) {
  for (size_t columns = 1; columns <= 80; columns++) {
    const struct mtasts_progress progress = {.total = 1000000};
    char text[256];
    mtasts_progress_line(&progress, 123456, 321, columns, text, sizeof text);
    unit_check(strlen(text) < columns, "%zu columns: \"%s\"", columns, text);
  }
}

/* A resumed run passes over what is cached, a hundred thousand a second; then it looks up. */
static void test_rate_of_the_last_seconds(void) {
  struct mtasts_progress progress = {.total = 1000000};
  uint64_t done = 0;
  double now = 1000;
  CU_ASSERT_EQUAL(mtasts_progress_rate(&progress, 0, now), 0);
  for (int i = 0; i < 50; i++)
    CU_ASSERT_DOUBLE_EQUAL(mtasts_progress_rate(&progress, done += 10000, now += 0.1), 1e5, 1e3);
  for (int i = 0; i < 70; i++)
    mtasts_progress_rate(&progress, done += 30, now += 0.1);
  CU_ASSERT_DOUBLE_EQUAL(mtasts_progress_rate(&progress, done, now), 300, 10);
}

/* No more results come: the rate falls to zero, and no time left is shown. */
static void test_standstill(void) {
  struct mtasts_progress progress = {.total = 1000};
  double now = 0;
  mtasts_progress_rate(&progress, 0, now);
  mtasts_progress_rate(&progress, 500, now += 1);
  for (int i = 0; i < 10; i++)
    mtasts_progress_rate(&progress, 500, now += 1);
  CU_ASSERT_EQUAL(mtasts_progress_rate(&progress, 500, now), 0);
  check_line(500, 1000, 0, 80, "[###############               ] 500/1000  0/s");
}

const struct unit_test unit_tests[] = {
    {"the line", test_line},
    {"the time that is left", test_time_left},
    {"a terminal that is narrow", test_width},
    {"a line never wraps", test_narrow},
    {"the rate is of the last seconds", test_rate_of_the_last_seconds},
    {"a standstill", test_standstill},
    {NULL, NULL},
};
