#include "clock_watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

enum {
  NOW = 1800000000,
  UP = 5000,
  HOUR = 3600,
  DAY = 86400,
};

static struct mtasts_clock_watch begin(int64_t now, int64_t least) {
  struct mtasts_clock_watch watch;
  mtasts_clock_begin(&watch, now, UP, least);
  return watch;
}

/* The second that passes between two looks is no jump, nor are ten weeks of suspend, nor is what
 * a time server corrects. */
static void even(void) {
  struct mtasts_clock_watch watch = begin(NOW, NOW - 5);
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 1, UP + 1), 0);
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 70 * DAY, UP + 70 * DAY), 0);
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 70 * DAY + 9, UP + 70 * DAY), 0);
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 70 * DAY, UP + 70 * DAY), 0);
  CU_ASSERT_FALSE(mtasts_clock_in_doubt(&watch));
}

static void ahead_and_back(void) {
  struct mtasts_clock_watch watch = begin(NOW, NOW);
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 400 * DAY + 1, UP + 1), 400 * DAY);
  CU_ASSERT_TRUE(mtasts_clock_in_doubt(&watch));
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 400 * DAY + 2, UP + 2), 0);
  CU_ASSERT_TRUE(mtasts_clock_in_doubt(&watch));
  /* Back by a little less: that counts as back at the old time. */
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 63, UP + 3), -400 * DAY + 60);
  CU_ASSERT_FALSE(mtasts_clock_in_doubt(&watch));
}

/* A clock that stays at its new time is trusted in the end. */
static void stays(void) {
  struct mtasts_clock_watch watch = begin(NOW, NOW);
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW - 2 * HOUR, UP), -2 * HOUR);
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 6 * DAY, UP + 6 * DAY + 2 * HOUR), 0);
  CU_ASSERT_TRUE(mtasts_clock_in_doubt(&watch));
  CU_ASSERT_FALSE(mtasts_clock_settled(&watch, UP + 6 * DAY + 2 * HOUR));
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 7 * DAY, UP + 7 * DAY + 2 * HOUR), 0);
  CU_ASSERT_FALSE(mtasts_clock_in_doubt(&watch));
  CU_ASSERT_TRUE(mtasts_clock_settled(&watch, UP + 7 * DAY + 2 * HOUR));
}

/* A small jump is logged, and puts nothing in doubt; but expired entries are kept from then on. */
static void small(void) {
  struct mtasts_clock_watch watch = begin(NOW, NOW);
  CU_ASSERT_FALSE(mtasts_clock_settled(&watch, UP));
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 8 * DAY, UP + 8 * DAY), 0);
  CU_ASSERT_TRUE(mtasts_clock_settled(&watch, UP + 8 * DAY));
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 8 * DAY + 60, UP + 8 * DAY), 60);
  CU_ASSERT_FALSE(mtasts_clock_in_doubt(&watch));
  CU_ASSERT_FALSE(mtasts_clock_settled(&watch, UP + 8 * DAY));
}

/* A clock that starts in 1970, or before the cache was written, and is set right then. */
static void background(void) {
  struct mtasts_clock_watch watch = begin(100, 0);
  CU_ASSERT_TRUE(mtasts_clock_in_doubt(&watch));
  CU_ASSERT_FALSE(mtasts_clock_settled(&watch, UP + 70 * DAY));
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW, UP + 1), NOW - 101);
  CU_ASSERT_FALSE(mtasts_clock_in_doubt(&watch));
  watch = begin(NOW, NOW + DAY);
  CU_ASSERT_TRUE(mtasts_clock_in_doubt(&watch));
  CU_ASSERT_EQUAL(mtasts_clock_look(&watch, NOW + 2 * DAY, UP + 2 * DAY), 0);
  CU_ASSERT_FALSE(mtasts_clock_in_doubt(&watch));
  watch = begin(NOW, NOW + HOUR);
  CU_ASSERT_FALSE(mtasts_clock_in_doubt(&watch));
}

static void write_at(const char *directory, const char *name, time_t when) {
  char path[64];
  const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};
  snprintf(path, sizeof path, "%s/%s", directory, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  CU_ASSERT(fd >= 0 && futimens(fd, times) == 0);
  close(fd);
}

/* A start that ended early may have left the damaged file alone. */
static void written(void) {
  char path[64];
  char directory[] = "/tmp/mtasts-clock-XXXXXX";
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
  CU_ASSERT_EQUAL(mtasts_clock_written(directory), 0);
  write_at(directory, "data.mdb.damaged", NOW);
  CU_ASSERT_EQUAL(mtasts_clock_written(directory), NOW);
  write_at(directory, "data.mdb", NOW + HOUR);
  CU_ASSERT_EQUAL(mtasts_clock_written(directory), NOW + HOUR);
  snprintf(path, sizeof path, "%s/data.mdb", directory);
  CU_ASSERT_EQUAL(unlink(path), 0);
  snprintf(path, sizeof path, "%s/data.mdb.damaged", directory);
  CU_ASSERT_EQUAL(unlink(path), 0);
  CU_ASSERT_EQUAL(rmdir(directory), 0);
}

const char *const unit_name = "daemon/clock_watch";
const struct unit_test unit_tests[] = {
    {"a clock that runs on evenly is believed", even},
    {"one that jumps is in doubt until it is back", ahead_and_back},
    {"or has run on for a week", stays},
    {"a small jump is logged", small},
    {"when the cache was last written", written},
    {"one that shows less than before is in doubt until it shows more", background},
    {NULL, NULL},
};
