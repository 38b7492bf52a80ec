/*
 * ratelimit.h: what is to happen only now and then, by mtasts_clock_coarse_ms of clock.h.
 */
#ifndef MTASTS_RATELIMIT_H
#define MTASTS_RATELIMIT_H

#include <stdbool.h>

#include "clock.h"

/* Something that others can provoke, like a log line, but that we do at most once in a while. */
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

/* Something that others can provoke, of which we do so much in a row and so much a second. */
struct mtasts_burst_limit {
  int64_t spent;            /* by mtasts_clock_coarse_ms, when all that was done would be through */
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
