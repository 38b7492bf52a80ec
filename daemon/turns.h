/*
 * turns.h: how long one peer may keep the front loop busy, before others have their turn.
 *
 * A turn of the loop is what it does between two looks at its descriptors. A peer that has been
 * answered for MTASTS_TURN_PEER_MS is put off, with the requests that it has sent beyond that, and
 * so is each peer that is to be seen to when the turn has lasted MTASTS_TURN_MS. After the next
 * look, those who were put off go on: a peer of each client, in turn (clients.h), then more of them
 * while there is time. So a client waits for one answer of each other client and for what one turn
 * takes, however many connections others have and whatever they send. If several peers of a client
 * have been put off, each has one answer at a time.
 *
 * The clock is the coarse one, of a few milliseconds.
 */
#ifndef MTASTS_TURNS_H
#define MTASTS_TURNS_H

#include <event2/event_struct.h>
#include <stdint.h>

#include "clients.h"

enum {
  MTASTS_TURN_PEER_MS = 2,
  MTASTS_TURN_MS = 8,
};

struct mtasts_turns {
  struct event_base *base;
  void (*go_on)(struct mtasts_peer *peer);
  struct event next; /* pending while a peer is put off */
  TAILQ_HEAD(mtasts_turn_list, mtasts_client)
  clients;             /* that have such peers, the next one first */
  struct timeval look; /* of the loop at its descriptors, the last that was seen here */
  int64_t began;       /* the turn, by mtasts_uptime */
  int64_t peer_began;  /* likewise */
  bool one_answer;     /* others of its client are put off too */
  unsigned answered;   /* requests of the peer */
};

/* go_on is called for a peer that was put off, and may put it off again, or close it. */
void mtasts_turns_init(struct mtasts_turns *turns, struct event_base *base,
                       void (*go_on)(struct mtasts_peer *peer));
void mtasts_turns_end(struct mtasts_turns *turns);

/* Is there time left in this turn of the loop? */
bool mtasts_turns_has_time(struct mtasts_turns *turns);

/* A peer begins to be answered. */
void mtasts_turns_begin_peer(struct mtasts_turns *turns);
/* Has it time for another answer? The first one it always has. */
bool mtasts_turns_peer_has_time(struct mtasts_turns *turns);

/* Puts the peer off, if it is not already. */
void mtasts_turns_put_off(struct mtasts_turns *turns, struct mtasts_peer *peer);
/* It is not to go on. */
void mtasts_turns_forget(struct mtasts_turns *turns, struct mtasts_peer *peer);

#endif
