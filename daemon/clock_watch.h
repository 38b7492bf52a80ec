/*
 * clock_watch.h: has the clock jumped, and may it be wrong?
 *
 * Expiries are times of CLOCK_REALTIME, which can be set. CLOCK_BOOTTIME cannot be set, and it runs
 * during a suspend. The two are compared about once a second: a change of their distance is a jump.
 *
 * After a jump of an hour or more the clock is in doubt until it is back where it was, or has run
 * for MTASTS_CLOCK_SETTLED without another jump. A clock is also in doubt while it shows a time
 * before the cache was last written, or before this version was made.
 *
 * A policy may seem expired only because the clock is ahead. So expired entries are kept until the
 * clock has run evenly for MTASTS_CLOCK_SETTLED. The same holds after each start, since earlier
 * jumps are unknown.
 *
 * Pure, except mtasts_clock_written and mtasts_clock_uptime. Times are seconds: `now` by
 * CLOCK_REALTIME, `uptime` by CLOCK_BOOTTIME. One thread.
 */
#ifndef MTASTS_CLOCK_WATCH_H
#define MTASTS_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum {
  MTASTS_CLOCK_JUMP = 10,    /* seconds; a smaller change is no jump */
  MTASTS_CLOCK_DOUBT = 3600, /* seconds; a smaller jump does not put the clock in doubt */
  MTASTS_CLOCK_SETTLED = 7 * 86400,
};

struct mtasts_clock_watch {
  int64_t distance; /* from uptime to now, at the last check */
  int64_t even;     /* uptime since which the clock has run evenly */
  int64_t off;      /* the sum of the jumps since the clock was last trusted */
  int64_t least;    /* the latest time that the clock is known to have shown */
  bool behind;      /* the clock shows less than `least` */
};

/* least: a time that the clock has shown before, such as mtasts_clock_written; 0: not known. */
void mtasts_clock_begin(struct mtasts_clock_watch *watch, int64_t now, int64_t uptime,
                        int64_t least);

/* To be called once a second or so. Returns by how much the clock has jumped since the last call;
 * 0: it has not. */
int64_t mtasts_clock_look(struct mtasts_clock_watch *watch, int64_t now, int64_t uptime);

/* May the clock be wrong? */
bool mtasts_clock_in_doubt(const struct mtasts_clock_watch *watch);

/* Has the clock run evenly for so long that expired entries may be removed? */
bool mtasts_clock_settled(const struct mtasts_clock_watch *watch, int64_t uptime);

/* When the cache in the directory was last written, by the clock at that time; 0: not known. Call
 * it before the cache is opened, which may write to it or replace it. */
int64_t mtasts_clock_written(const char *directory);

/* CLOCK_BOOTTIME, in seconds. */
int64_t mtasts_clock_uptime(void);

#endif
