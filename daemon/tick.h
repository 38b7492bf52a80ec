/*
 * tick.h: what time brings, as against jobs: once a second the net loop runs its tick. Use is
 * forgotten, the refresh sweep moves on, what the due queue has due is asked for, and what is
 * pending is committed soon.
 *
 * No clock is read here: whoever calls says what time it is, so that a week can be lived through in
 * seconds. All in the net loop's thread.
 */
#ifndef MTASTS_TICK_H
#define MTASTS_TICK_H

#include "refresh_sweep.h"
#include "scheduler.h"

struct mtasts_tick {
  struct mtasts_scheduler *scheduler; /* open; the owner's */
  struct mtasts_usage_filter *usage;  /* likewise */
  struct mtasts_refresh_sweep *sweep;
  struct mtasts_ratelimit saved_again; /* what the store had not taken */
};

/* Begins where the rounds of an earlier process ended. False: no memory. */
bool mtasts_tick_open(struct mtasts_tick *tick, struct mtasts_scheduler *scheduler,
                      struct mtasts_usage_filter *usage);
/* The cache could not be read until now: goes on where an earlier process was. */
void mtasts_tick_recall(struct mtasts_tick *tick);
void mtasts_tick_close(struct mtasts_tick *tick);

/* now: seconds since the epoch; elapsed: milliseconds since the round before, by a clock that
 * nobody sets. */
void mtasts_tick_run(struct mtasts_tick *tick, int64_t now, uint64_t elapsed);

#endif
