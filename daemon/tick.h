/*
 * tick.h: what the net loop does once a second. The usage filter rotates, the refresh sweep moves
 * on, domains that are due in the due queue are looked up, and pending changes are committed soon.
 *
 * No clock is read here: the caller passes the time, so that a test can simulate a week in seconds.
 * All in the net loop's thread.
 */
#ifndef MTASTS_TICK_H
#define MTASTS_TICK_H

#include "refresh_sweep.h"
#include "scheduler.h"

struct mtasts_tick {
  struct mtasts_scheduler *scheduler; /* open; the owner's */
  struct mtasts_usage_filter *usage;  /* likewise */
  struct mtasts_refresh_sweep *sweep;
  struct mtasts_ratelimit saved_again; /* limits how often unstored entries are tried again */
};

/* Begins at the sweep's saved positions. False: no memory. */
bool mtasts_tick_open(struct mtasts_tick *tick, struct mtasts_scheduler *scheduler,
                      struct mtasts_usage_filter *usage);
/* The cache can be read from now on: loads the sweep's saved positions. */
void mtasts_tick_recall(struct mtasts_tick *tick);
void mtasts_tick_close(struct mtasts_tick *tick);

/* now: seconds since the epoch; elapsed: milliseconds since the tick before, by a monotonic clock.
 */
void mtasts_tick_run(struct mtasts_tick *tick, int64_t now, uint64_t elapsed);

#endif
