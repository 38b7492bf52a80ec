/*
 * uptime.h: what is to happen only now and then, by mtasts_uptime of clock.h.
 */
#ifndef MTASTS_UPTIME_H
#define MTASTS_UPTIME_H

#include <stdbool.h>

#include "clock.h"

/* Something that others can provoke, like a log line, but that we do at most once in a while. */
struct mtasts_seldom {
  int64_t next;       /* by mtasts_uptime */
  unsigned long held; /* how often it was not done since it last was */
};

/* May it be done again, `every` milliseconds after the last time? */
static inline bool mtasts_seldom(struct mtasts_seldom *seldom, int64_t every) {
  int64_t now = mtasts_uptime();
  if (now < seldom->next) {
    seldom->held++;
    return false;
  }
  seldom->next = now + every;
  return true;
}

/* Something that others can provoke, of which we do so much in a row and so much a second. */
struct mtasts_pace {
  int64_t spent;      /* by mtasts_uptime, when all that was done would be through */
  unsigned long held; /* how often it was not done since it last was */
};

/* May it be done again? `burst` times at once after a rest, else once in `every` milliseconds. */
static inline bool mtasts_pace(struct mtasts_pace *pace, int64_t every, int burst) {
  int64_t now = mtasts_uptime();
  if (pace->spent < now)
    pace->spent = now;
  if (pace->spent - now > every * (burst - 1)) {
    pace->held++;
    return false;
  }
  pace->spent += every;
  return true;
}

#endif
