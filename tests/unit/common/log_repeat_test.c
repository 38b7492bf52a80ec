#include "log_repeat.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

const char *const unit_name = "common/log_repeat";

static struct mtasts_log_repeat repeat;
static char line[MTASTS_LOG_LINE_MAX];

static unsigned admitted(const char *text, unsigned times, int64_t now) {
  unsigned count = 0;
  for (unsigned i = 0; i < times; i++)
    count += mtasts_log_repeat_admits(&repeat, MTASTS_LOG_INFO, text, now);
  return count;
}

static bool sums(int64_t now, bool force, const char *expected) {
  enum mtasts_log_level level = MTASTS_LOG_ERROR;
  if (!mtasts_log_repeat_sum(&repeat, now, force, &level, line))
    return false;
  unit_check(strcmp(line, expected) == 0 && level == MTASTS_LOG_INFO, "%s", line);
  return true;
}

static void the_same_is_summed_up(void) {
  memset(&repeat, 0, sizeof repeat);
  CU_ASSERT_EQUAL(admitted("a", 5, 0), 5);
  CU_ASSERT_EQUAL(admitted("a", 1000, 30000), MTASTS_LOG_SAME - 5);
  CU_ASSERT_FALSE(sums(59999, false, ""));
  CU_ASSERT_TRUE(sums(60000, false, "995 times more within a minute: a"));
  CU_ASSERT_FALSE(sums(60000, true, ""));
  CU_ASSERT_EQUAL(admitted("a", 20, 60000), MTASTS_LOG_SAME);
  CU_ASSERT_TRUE(sums(60001, true, "10 times more within a minute: a"));
}

static void what_is_rare_is_written(void) {
  memset(&repeat, 0, sizeof repeat);
  for (int64_t now = 0; now < 100 * MTASTS_LOG_MINUTE; now += MTASTS_LOG_MINUTE / MTASTS_LOG_SAME)
    CU_ASSERT_EQUAL(admitted("a", 1, now), 1);
  CU_ASSERT_FALSE(sums(INT64_MAX, true, ""));
  CU_ASSERT_TRUE(mtasts_log_repeat_admits(&repeat, MTASTS_LOG_INFO, "b", 0));
  CU_ASSERT_EQUAL(admitted("c", 20, 0), MTASTS_LOG_SAME);
  /* Another level is another line. */
  CU_ASSERT_TRUE(mtasts_log_repeat_admits(&repeat, MTASTS_LOG_ERROR, "c", 0));
}

static void texts_that_take_turns(void) {
  char text[32];
  unsigned count = 0;
  memset(&repeat, 0, sizeof repeat);
  for (int i = 0; i < 100 * MTASTS_LOG_TEXTS; i++) {
    snprintf(text, sizeof text, "text %d", i % MTASTS_LOG_TEXTS);
    count += admitted(text, 1, 0);
  }
  CU_ASSERT_EQUAL(count, MTASTS_LOG_SAME * MTASTS_LOG_TEXTS);
  /* With no place left, others are written. */
  CU_ASSERT_EQUAL(admitted("one more", 20, 0), 20);
}

static void many_texts(void) {
  char text[32];
  memset(&repeat, 0, sizeof repeat);
  for (int i = 0; i < 10000; i++) {
    snprintf(text, sizeof text, "text %d", i);
    CU_ASSERT_EQUAL(admitted(text, 1, i), 1);
  }
  CU_ASSERT_FALSE(sums(INT64_MAX, true, ""));
}

static void long_texts(void) {
  char text[MTASTS_LOG_LINE_MAX];
  memset(&repeat, 0, sizeof repeat);
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  CU_ASSERT_EQUAL(admitted(text, 12, 0), MTASTS_LOG_SAME);
  text[sizeof text - 2] = 'y'; /* differs in a part that is not kept */
  CU_ASSERT_EQUAL(admitted(text, 1, 0), 1);
  enum mtasts_log_level level;
  CU_ASSERT_TRUE(mtasts_log_repeat_sum(&repeat, 0, true, &level, line));
  CU_ASSERT(strlen(line) < 300);
}

const struct unit_test unit_tests[] = {{"the same line is summed up", the_same_is_summed_up},
                                       {"what is rare is written", what_is_rare_is_written},
                                       {"some that take turns", texts_that_take_turns},
                                       {"many that differ", many_texts},
                                       {"long ones", long_texts},
                                       {NULL, NULL}};
