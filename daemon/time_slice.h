/*
 * time_slice.h: limits how long one peer may keep the front loop busy.
 *
 * A turn of the loop is its work between two polls of its descriptors. A peer that has been
 * answered for MTASTS_TIME_SLICE_PEER_MS is put off with its remaining requests. When the turn has
 * lasted MTASTS_TIME_SLICE_MS, every further peer is put off. After the next poll, peers that were
 * put off go on: one peer of each client in turn (clients.h), then more while there is time. So a
 * client waits for one answer of each other client and for one turn, however many connections and
 * requests the others have. If several peers of a client have been put off, each gets one answer at
 * a time.
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
  struct event next; /* pending if a peer is put off */
  TAILQ_HEAD(mtasts_time_slice_list, mtasts_client)
  clients;             /* that have peers put off, the next one first */
  struct timeval look; /* time of the last poll that was seen here */
  int64_t began;       /* the turn, by mtasts_clock_coarse_ms */
  int64_t peer_began;  /* likewise */
  bool one_answer;     /* other peers of its client are put off too */
  unsigned answered;   /* requests of the peer */
};

/* resume is called for a peer that was put off, and may put it off again, or close it. */
void mtasts_time_slice_init(struct mtasts_time_slice *slice, struct event_base *base,
                            void (*resume)(struct mtasts_peer *peer));
void mtasts_time_slice_end(struct mtasts_time_slice *slice);

/* Is there time left in this turn of the loop? */
bool mtasts_time_slice_has_time(struct mtasts_time_slice *slice);

/* The loop begins to answer a peer. */
void mtasts_time_slice_begin_peer(struct mtasts_time_slice *slice);
/* Has the peer time for another answer? Always true for the first one. */
bool mtasts_time_slice_peer_has_time(struct mtasts_time_slice *slice);

/* Puts the peer off, if it is not already. */
void mtasts_time_slice_put_off(struct mtasts_time_slice *slice, struct mtasts_peer *peer);
/* The peer will not go on: takes it off its list. */
void mtasts_time_slice_forget(struct mtasts_time_slice *slice, struct mtasts_peer *peer);

#endif
