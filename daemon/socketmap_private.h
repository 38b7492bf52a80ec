/*
 * socketmap_private.h: one connection of the socketmap server, and the parts of the server that it
 * uses. For socketmap.c, peer.c and time_slice.c alone.
 *
 * A connection is in one of five states, and in the server's list of that state. It is read from
 * unless replies are unsent or its buffer is full. Readiness to read is watched persistently, so a
 * request costs two system calls: one recv and one send. At most one full buffer is read in a turn
 * of the loop; further bytes wait in the socket for the next turn. The time for one peer in a turn
 * is bounded as well (time_slice.h).
 */
#ifndef MTASTS_SOCKETMAP_PRIVATE_H
#define MTASTS_SOCKETMAP_PRIVATE_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

#include "ratelimit.h"
#include "socketmap.h"
#include "time_slice.h"

enum mtasts_peer_state {
  MTASTS_PEER_NEW,     /* has sent nothing yet */
  MTASTS_PEER_IDLE,    /* has no request or reply pending */
  MTASTS_PEER_PARTIAL, /* a part of a request has arrived, or a part of a reply was sent */
  MTASTS_PEER_WAITING, /* for a reply that comes later */
  MTASTS_PEER_PUT_OFF, /* has sent more requests than could be answered in its turn */
  MTASTS_PEER_STATES,
};

enum {
  MTASTS_PEER_INPUT = 2048,        /* bytes; more only for a request that is longer */
  MTASTS_PEER_GATHER = 65536,      /* bytes of replies that are gathered before they are sent */
  MTASTS_PEER_PARTIAL_MAX = 30,    /* seconds for a whole request, or for a reply's next byte */
  MTASTS_PEER_LOG_INTERVAL = 1000, /* milliseconds between log lines of one kind */
};

struct mtasts_peer {
  TAILQ_ENTRY(mtasts_peer) link;
  struct mtasts_peers *lists; /* by state: the server's `peers` or `network` */
  struct mtasts_client *client;
  TAILQ_ENTRY(mtasts_peer) turn;
  bool put_off; /* in its client's list of time_slice.h, and not watched */
  bool more;    /* a whole request is left in `input` */
  struct mtasts_socketmap *server;
  struct event event;
  short watched; /* EV_READ, EV_WRITE, or 0 */
  enum mtasts_peer_state state;
  enum mtasts_socket_kind socket_kind;
  bool ended; /* the peer has shut down its sending side: no more requests */
  uid_t uid;
  int fd;
  int64_t since; /* of the last activity, by mtasts_clock_coarse_ms */
  void *token;
  char *unsent; /* replies that the socket did not take; NULL: none */
  size_t unsent_at, unsent_size;
  char *input; /* not answered yet: `own`, or allocated */
  size_t input_len, input_capacity;
  size_t ahead; /* bytes of it whose requests were passed to `ahead`, while an earlier one waits */
  char own[MTASTS_PEER_INPUT];
};

struct mtasts_socketmap {
  struct mtasts_socketmap_options options;
  /* The least recently active first: of unix sockets, and of TCP. */
  struct mtasts_peers peers[MTASTS_PEER_STATES];
  struct mtasts_peers network[MTASTS_PEER_STATES];
  unsigned count;
  unsigned network_count, network_max;
  struct mtasts_clients clients;
  struct mtasts_time_slice slice;
  bool draining;
  void (*drained)(void *context);
  SLIST_HEAD(mtasts_accept_events, mtasts_accept_event) accept_events;
  struct event pause;   /* accepting is paused until it fires */
  struct event sweep;   /* pending while a peer is stuck */
  struct event emptied; /* calls `drained` */
  struct mtasts_ratelimit malformed, no_room;

  /* Replies that are not sent yet, of one peer at a time. */
  size_t out_from, out_to;
  char out[MTASTS_PEER_GATHER + 2 * MTASTS_NETSTRING_HEAD + MTASTS_REPLY_MAX];
};

/* Takes over the descriptor. NULL: no memory; the descriptor is closed. */
struct mtasts_peer *mtasts_peer_open(struct mtasts_socketmap *server, int fd,
                                     enum mtasts_socket_kind socket_kind, bool network, uid_t uid);
/* Goes on with a peer that was put off (time_slice.h). */
void mtasts_peer_resume(struct mtasts_peer *peer);
void mtasts_peer_close(struct mtasts_peer *peer);
/* Answers the requests that have arrived and then closes the peer; at once if no reply is pending.
 */
void mtasts_peer_drain(struct mtasts_peer *peer);

/* A connection was closed. */
void mtasts_socketmap_left(struct mtasts_socketmap *server, bool network);

#endif
