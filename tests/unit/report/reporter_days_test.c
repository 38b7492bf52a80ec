#include "reporter_days.h"

#include "build_report.h"
#include "unit.h"

#include <stdio.h>

const char *const unit_name = "reporter_days";

static const struct mtasts_report_filter everything;
static char found[2048];

static void take(void *context, const struct mtasts_reporter_day *day) {
  size_t used = strlen(found);
  (void)context;
  snprintf(found + used, sizeof found - used, "%.*s:%d,%d,%u %u/%u %u:%u/%u%s\n",
           (int)day->organization.len, day->organization.data,
           (int)((day->first - BUILT_EPOCH) / MTASTS_DAY_SECONDS),
           (int)((day->day - BUILT_EPOCH) / MTASTS_DAY_SECONDS), (unsigned)day->days,
           (unsigned)day->sessions.successful, (unsigned)day->sessions.failed,
           (unsigned)day->days_before, (unsigned)day->before.successful,
           (unsigned)day->before.failed, mtasts_reporter_day_daily(day) ? " daily" : "");
}

static void newest(void) {
  struct mtasts_sums sums;
  mtasts_sums_init(&sums);
  for (int day = 0; day < 40; day++)
    CU_ASSERT(
        built_add(&sums, &everything,
                  &(struct built){.organization = "B", .successful = 10, .failed = 1, .day = day}));
  CU_ASSERT(
      built_add(&sums, &everything,
                &(struct built){.organization = "B", .successful = 5, .failed = 2, .day = 39}));
  for (int day = 0; day < 30; day += 3)
    CU_ASSERT(built_add(&sums, &everything,
                        &(struct built){.organization = "A b", .successful = 1, .day = day}));
  CU_ASSERT(
      built_add(&sums, &everything, &(struct built){.organization = "A", .failed = 1, .day = 9}));
  *found = '\0';
  CU_ASSERT(mtasts_reporter_days(&sums, take, NULL));
  CU_ASSERT_STRING_EQUAL(found, "A:9,9,1 0/1 0:0/0\n"
                                "A b:0,27,10 1/0 9:9/0\n"
                                "B:0,39,40 15/3 28:280/28 daily\n");
  mtasts_sums_free(&sums);
}

static void limits(void) {
  const struct mtasts_report_limit times = {.given = true, .times = true, .digits = 3, .unit = 1};
  const struct mtasts_report_limit percent = {.given = true, .digits = 5, .unit = 1};
  struct mtasts_reporter_day day = {
      .sessions = {900, 100}, .days_before = MTASTS_BASELINE_LEAST, .before = {990, 10}};
  CU_ASSERT(mtasts_reporter_day_over(&day, &times));
  CU_ASSERT(mtasts_reporter_day_over(&day, &percent));
  day.days_before--;
  CU_ASSERT(!mtasts_reporter_day_over(&day, &times));
  CU_ASSERT(!mtasts_reporter_day_over(&day, &(struct mtasts_report_limit){0}));
}

const struct unit_test unit_tests[] = {
    {"the newest day, and those before it", newest},
    {"what is over the limit", limits},
    {NULL, NULL},
};
