/*
 * rounds.h: what time brings, as against jobs: once a second the net loop goes its rounds. Use is
 * forgotten, the clock hand moves on, what the agenda has due is asked for, and what is pending is
 * committed soon.
 *
 * No clock is read here: whoever calls says what time it is, so that a week can be lived through in
 * seconds. All in the net loop's thread.
 */
#ifndef MTASTS_ROUNDS_H
#define MTASTS_ROUNDS_H

#include "hand.h"
#include "tower.h"

struct mtasts_rounds {
  struct mtasts_tower *tower; /* open; the owner's */
  struct mtasts_use *use;     /* likewise */
  struct mtasts_hand *hand;
  struct mtasts_seldom saved_again; /* what the store had not taken */
};

/* Begins where the rounds of an earlier process ended. False: no memory. */
bool mtasts_rounds_open(struct mtasts_rounds *rounds, struct mtasts_tower *tower,
                        struct mtasts_use *use);
/* The cache could not be read until now: goes on where an earlier process was. */
void mtasts_rounds_recall(struct mtasts_rounds *rounds);
void mtasts_rounds_close(struct mtasts_rounds *rounds);

/* now: seconds since the epoch; elapsed: milliseconds since the round before, by a clock that
 * nobody sets. */
void mtasts_rounds_go(struct mtasts_rounds *rounds, int64_t now, uint64_t elapsed);

#endif
