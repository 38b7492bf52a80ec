/*
 * clock_watch.h: has the clock jumped, and may it be wrong?
 *
 * Expiries are times of the clock that is set (CLOCK_REALTIME); CLOCK_BOOTTIME runs on whatever is
 * set, and through a suspend. Looked at now and then, a change of the distance between the two is
 * a jump.
 *
 * A jump of an hour or more leaves the clock in doubt: until it is back where it was, or has run on
 * for MTASTS_CLOCK_SETTLED without another one. A clock that shows less than when the cache was
 * written, or than when this version was made, is in doubt too, until it shows more.
 *
 * What has expired may have done so by a clock that is ahead. So it is kept until the clock has run
 * on evenly for MTASTS_CLOCK_SETTLED, also from the start on: nobody knows then what was before.
 *
 * Pure, but for mtasts_clock_written. Times are seconds; `now` is CLOCK_REALTIME's, `uptime`
 * CLOCK_BOOTTIME's. One thread.
 */
#ifndef MTASTS_CLOCK_WATCH_H
#define MTASTS_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum {
  MTASTS_CLOCK_JUMP = 10,    /* a change of less is no jump */
  MTASTS_CLOCK_DOUBT = 3600, /* nor does one of less put the clock in doubt */
  MTASTS_CLOCK_SETTLED = 7 * 86400,
};

struct mtasts_clock_watch {
  int64_t distance; /* from uptime to now, when it was looked at last */
  int64_t even;     /* uptime since which the clock has run on evenly */
  int64_t off;      /* the sum of the jumps since it was trusted last */
  int64_t least;    /* the clock has shown as much before */
  bool background;  /* it shows less */
};

/* least: what the clock has shown before, such as mtasts_clock_written; 0: not known. */
void mtasts_clock_begin(struct mtasts_clock_watch *watch, int64_t now, int64_t uptime,
                        int64_t least);

/* To be called once a second or so. Returns by how much the clock has jumped since the last look;
 * 0: it has not. */
int64_t mtasts_clock_look(struct mtasts_clock_watch *watch, int64_t now, int64_t uptime);

/* May it be wrong? */
bool mtasts_clock_in_doubt(const struct mtasts_clock_watch *watch);

/* Has it run on evenly for long enough to believe it what has expired? */
bool mtasts_clock_settled(const struct mtasts_clock_watch *watch, int64_t uptime);

/* When the cache in the directory was last written, by the clock of then; 0: not known. */
int64_t mtasts_clock_written(const char *directory);

/* CLOCK_BOOTTIME. */
int64_t mtasts_clock_uptime(void);

#endif
