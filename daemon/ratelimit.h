/*
 * ratelimit.h: limits how often something happens, by mtasts_clock_coarse_ms of clock.h.
 */
#ifndef MTASTS_RATELIMIT_H
#define MTASTS_RATELIMIT_H

#include <stdbool.h>

#include "clock.h"

/* An action that others can provoke, such as a log line, done at most once in an interval. */
struct mtasts_ratelimit {
  int64_t next;             /* by mtasts_clock_coarse_ms */
  unsigned long suppressed; /* how often it was not done since it last was */
};

/* May it be done again, `every` milliseconds after the last time? */
static inline bool mtasts_ratelimit(struct mtasts_ratelimit *limit, int64_t every) {
  int64_t now = mtasts_clock_coarse_ms();
  if (now < limit->next) {
    limit->suppressed++;
    return false;
  }
  limit->next = now + every;
  return true;
}

/* An action that others can provoke, limited to a burst and to a rate. */
struct mtasts_burst_limit {
  int64_t spent;            /* by mtasts_clock_coarse_ms: when the whole burst is available again */
  unsigned long suppressed; /* how often it was not done since it last was */
};

/* May it be done again? `burst` times at once after a rest, else once in `every` milliseconds. */
static inline bool mtasts_burst_limit(struct mtasts_burst_limit *limit, int64_t every, int burst) {
  int64_t now = mtasts_clock_coarse_ms();
  if (limit->spent < now)
    limit->spent = now;
  if (limit->spent - now > every * (burst - 1)) {
    limit->suppressed++;
    return false;
  }
  limit->spent += every;
  return true;
}

#endif
