/*
 * reporter_days.h: what each reporter says of its newest day, and of the 28 days before it. Pure.
 */
#ifndef MTASTS_REPORT_REPORTER_DAYS_H
#define MTASTS_REPORT_REPORTER_DAYS_H

#include "limit.h"
#include "sums.h"

enum {
  MTASTS_BASELINE_DAYS = 28,
  MTASTS_BASELINE_LEAST = 7, /* days among them with a report, before they count as usual */
};

struct mtasts_reporter_day {
  struct mtasts_span organization;
  int64_t first, day;                  /* its first and its newest day */
  uint64_t days;                       /* with a report, all of them */
  struct mtasts_session_sums sessions; /* of the newest day */
  uint64_t days_before;                /* with a report, among the 28 */
  struct mtasts_session_sums before;
};

typedef void mtasts_reporter_day_fn(void *context, const struct mtasts_reporter_day *day);

/* Calls back for each reporter, by name; MTASTS_TALLY_OTHERS is none. Returns false without memory.
 */
bool mtasts_reporter_days(const struct mtasts_sums *sums, mtasts_reporter_day_fn *each,
                          void *context);

/* Is the newest day over the limit, of either kind? */
bool mtasts_reporter_day_over(const struct mtasts_reporter_day *day,
                              const struct mtasts_report_limit *limit);

/* Did the reporter send nearly every day, for a week or longer? */
bool mtasts_reporter_day_daily(const struct mtasts_reporter_day *day);

#endif
