#include "reporter_days.h"

#include <stdlib.h>

#include "instant.h"
#include "span.h"

static struct mtasts_span organization_of(const struct mtasts_count *count) {
  return mtasts_count_part(count, 0);
}

/* The counts from `first` to before `end` are one reporter's, by day. */
static struct mtasts_reporter_day day_of(const struct mtasts_count **counts, size_t first,
                                         size_t end) {
  const struct mtasts_count *newest = counts[end - 1];
  struct mtasts_reporter_day day = {
      .organization = organization_of(newest),
      .first = counts[first]->first,
      .day = newest->last,
      .days = end - first,
      .sessions = {newest->successful, newest->failed},
  };
  for (size_t i = first; i + 1 < end; i++) {
    if (counts[i]->first < day.day - (int64_t)MTASTS_BASELINE_DAYS * MTASTS_DAY_SECONDS)
      continue;
    day.days_before++;
    day.before.successful = mtasts_sum(day.before.successful, counts[i]->successful);
    day.before.failed = mtasts_sum(day.before.failed, counts[i]->failed);
  }
  return day;
}

bool mtasts_reporter_days(const struct mtasts_sums *sums, mtasts_reporter_day_fn *each,
                          void *context) {
  const struct mtasts_policy_counts *tally = &sums->reporter_days;
  const struct mtasts_count **counts = mtasts_tally_sorted(tally, MTASTS_BY_NAME);
  size_t end;
  if (!counts)
    return tally->used == 0;
  for (size_t first = 0; first < tally->used; first = end) {
    for (end = first + 1; end < tally->used && mtasts_span_equal(organization_of(counts[first]),
                                                                 organization_of(counts[end]));)
      end++;
    struct mtasts_reporter_day day = day_of(counts, first, end);
    if (!mtasts_span_equal(counts[first]->name, MTASTS_SPAN(MTASTS_TALLY_OTHERS)))
      each(context, &day);
  }
  free(counts);
  return true;
}

bool mtasts_reporter_day_over(const struct mtasts_reporter_day *day,
                              const struct mtasts_report_limit *limit) {
  return limit->times ? day->days_before >= MTASTS_BASELINE_LEAST &&
                            mtasts_limit_over_times(limit, &day->sessions, &day->before)
                      : mtasts_limit_over_percent(limit, &day->sessions);
}

bool mtasts_reporter_day_daily(const struct mtasts_reporter_day *day) {
  uint64_t span = (uint64_t)((day->day - day->first) / MTASTS_DAY_SECONDS) + 1;
  return day->days >= MTASTS_BASELINE_LEAST && day->days * 10 >= span * 9;
}
