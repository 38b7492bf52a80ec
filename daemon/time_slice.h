/*
 * time_slice.h: how long one peer may keep the front loop busy, before others have their turn.
 *
 * A turn of the loop is what it does between two looks at its descriptors. A peer that has been
 * answered for MTASTS_TIME_SLICE_PEER_MS is put off, with the requests that it has sent beyond
 * that, and so is each peer that is to be seen to when the turn has lasted MTASTS_TIME_SLICE_MS.
 * After the next look, those who were put off go on: a peer of each client, in turn (clients.h),
 * then more of them while there is time. So a client waits for one answer of each other client and
 * for what one turn takes, however many connections others have and whatever they send. If several
 * peers of a client have been put off, each has one answer at a time.
 *
 * The clock is the coarse one, of a few milliseconds.
 */
#ifndef MTASTS_TIME_SLICE_H
#define MTASTS_TIME_SLICE_H

#include <event2/event_struct.h>
#include <stdint.h>

#include "clients.h"

enum {
  MTASTS_TIME_SLICE_PEER_MS = 2,
  MTASTS_TIME_SLICE_MS = 8,
};

struct mtasts_time_slice {
  struct event_base *base;
  void (*resume)(struct mtasts_peer *peer);
  struct event next; /* pending while a peer is put off */
  TAILQ_HEAD(mtasts_time_slice_list, mtasts_client)
  clients;             /* that have such peers, the next one first */
  struct timeval look; /* of the loop at its descriptors, the last that was seen here */
  int64_t began;       /* the turn, by mtasts_clock_coarse_ms */
  int64_t peer_began;  /* likewise */
  bool one_answer;     /* others of its client are put off too */
  unsigned answered;   /* requests of the peer */
};

/* resume is called for a peer that was put off, and may put it off again, or close it. */
void mtasts_time_slice_init(struct mtasts_time_slice *slice, struct event_base *base,
                            void (*resume)(struct mtasts_peer *peer));
void mtasts_time_slice_end(struct mtasts_time_slice *slice);

/* Is there time left in this turn of the loop? */
bool mtasts_time_slice_has_time(struct mtasts_time_slice *slice);

/* A peer begins to be answered. */
void mtasts_time_slice_begin_peer(struct mtasts_time_slice *slice);
/* Has it time for another answer? The first one it always has. */
bool mtasts_time_slice_peer_has_time(struct mtasts_time_slice *slice);

/* Puts the peer off, if it is not already. */
void mtasts_time_slice_put_off(struct mtasts_time_slice *slice, struct mtasts_peer *peer);
/* It is not to go on. */
void mtasts_time_slice_forget(struct mtasts_time_slice *slice, struct mtasts_peer *peer);

#endif
