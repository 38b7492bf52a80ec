/*
 * limit.h: how many sessions may fail: a percentage, or a multiple of what is usual. Pure.
 */
#ifndef MTASTS_REPORT_LIMIT_H
#define MTASTS_REPORT_LIMIT_H

#include "mtasts.h"

/* `digits` / `unit`, exactly as it was written. */
struct mtasts_report_limit {
  bool given;
  bool times; /* a multiple, else percent */
  uint64_t digits, unit;
};

struct mtasts_session_sums {
  uint64_t successful, failed;
};

/* "0.5" is a percentage from 0 to 100; "3x" a multiple from 1 to 1000. Both may have decimals, of
 * which nine count. Returns false for anything else. */
bool mtasts_limit_read(const char *text, struct mtasts_report_limit *limit);

/* Did a larger share fail? False without sessions, and if the limit is not given or a multiple. */
bool mtasts_limit_over_percent(const struct mtasts_report_limit *limit,
                               const struct mtasts_session_sums *sessions);

/* Is the share that failed larger than that multiple of the share that failed before? If none
 * failed before, one is taken to have. False without sessions of both, if the limit is no multiple,
 * and if no more sessions failed than the multiple says: of few, one is many. */
bool mtasts_limit_over_times(const struct mtasts_report_limit *limit,
                             const struct mtasts_session_sums *sessions,
                             const struct mtasts_session_sums *before);

#endif
