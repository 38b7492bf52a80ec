#include "stats.h"

#include "unit.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

const char *const unit_name = "daemon/stats";

static struct mtasts_stats stats;
static char text[8192];

static void fill(unsigned long long value) {
  for (enum mtasts_counter i = 0; i < MTASTS_COUNTERS; i++)
    mtasts_count_set(&stats, i, value);
  for (int i = 0; i <= MTASTS_WAITS; i++)
    atomic_store(&stats.waits[i], value);
  atomic_store(&stats.waited, value);
}

static void write_text(void) {
  size_t size = mtasts_stats_text(&stats, text, sizeof text);
  CU_ASSERT_FATAL(size > 0);
  CU_ASSERT_EQUAL(size, strlen(text));
}

static void waits_are_told(void) {
  memset(&stats, 0, sizeof stats);
  const int64_t waits[] = {-1, 0, 10, 11, 5000, 10000, 10001, 40000};
  for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
    mtasts_count_wait(&stats, waits[i]);
  mtasts_count(&stats, MTASTS_COUNT_REQUESTS);
  write_text();
  CU_ASSERT_PTR_EQUAL(strstr(text, "{\"requests\":1,\"hits\":0,"), text);
  const char *end = strstr(text, ",\"waited_ms\"");
  CU_ASSERT_PTR_NOT_NULL_FATAL(end);
  CU_ASSERT_STRING_EQUAL(end,
                         ",\"waited_ms\":65022,\"waits\":{\"10\":3,\"25\":1,\"50\":0,\"100\":0,"
                         "\"250\":0,\"500\":0,\"1000\":0,\"2500\":0,\"5000\":1,"
                         "\"10000\":1,\"more\":2}}");
}

static void too_little_room_is_told(void) {
  fill(ULLONG_MAX);
  write_text();
  size_t size = strlen(text);
  char *exact = malloc(size + 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
  CU_ASSERT_EQUAL(mtasts_stats_text(&stats, exact, size + 1), size);
  for (size_t less = 1; less <= size; less++)
    CU_ASSERT_EQUAL(mtasts_stats_text(&stats, exact, less), 0);
  free(exact);
}

/* mtastsd logs them so, in three quarters of a line. */
static void a_log_line_holds_them(void) {
  fill(999999999);
  CU_ASSERT(mtasts_stats_text(&stats, text, MTASTS_LOG_LINE_MAX * 3 / 4) > 0);
}

const struct unit_test unit_tests[] = {
    {"delayed answers are counted by their delay", waits_are_told},
    {"too small a buffer is reported", too_little_room_is_told},
    {"a line of the log holds them", a_log_line_holds_them},
    {NULL, NULL}};
