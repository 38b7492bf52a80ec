/*
 * uptime.h: the clock of deadlines, which nobody sets, and what is to happen only now and then.
 */
#ifndef MTASTS_UPTIME_H
#define MTASTS_UPTIME_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds since some moment; a few stale, as it costs next to nothing. */
static inline int64_t mtasts_uptime(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

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
