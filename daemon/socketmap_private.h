/*
 * socketmap_private.h: one connection of the socketmap server, and what of the server it works
 * with. For socketmap.c, peer.c and time_slice.c alone.
 *
 * A connection is in one of five states, and in the server's list of that state. It is read
 * from unless it owes the kernel replies or its buffer is full; readiness to read is watched
 * persistently, so that a request costs one recv and one send and nothing else of the kernel.
 * A full buffer is one go: what else a peer has sent waits in its socket for the next turn of
 * the loop. How long a peer is seen to in a turn is bounded as well (time_slice.h).
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
  MTASTS_PEER_IDLE,    /* owes us nothing, nor we it */
  MTASTS_PEER_PARTIAL, /* half a request has come, or half a reply gone */
  MTASTS_PEER_WAITING, /* its reply comes later */
  MTASTS_PEER_PUT_OFF, /* has sent more requests than could be answered in its turn */
  MTASTS_PEER_STATES,
};

enum {
  MTASTS_PEER_INPUT = 2048,        /* bytes; more only for a request that is longer */
  MTASTS_PEER_GATHER = 65536,      /* bytes of replies that go out at once at the latest */
  MTASTS_PEER_PARTIAL_MAX = 30,    /* seconds without a whole request or any reply's byte */
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
  bool ended; /* it has shut its side down: no more requests */
  uid_t uid;
  int fd;
  int64_t since; /* by mtasts_clock_coarse_ms, when it last did something */
  void *token;
  char *unsent; /* replies that the socket did not take; NULL: none */
  size_t unsent_at, unsent_size;
  char *input; /* not answered yet: `own`, or of the heap */
  size_t input_len, input_capacity;
  size_t ahead; /* bytes of it whose requests were told ahead, while one before them waits */
  char own[MTASTS_PEER_INPUT];
};

struct mtasts_socketmap {
  struct mtasts_socketmap_options options;
  /* The one that did something longest ago first: of unix sockets, and of TCP. */
  struct mtasts_peers peers[MTASTS_PEER_STATES];
  struct mtasts_peers network[MTASTS_PEER_STATES];
  unsigned count;
  unsigned network_count, network_max;
  struct mtasts_clients clients;
  struct mtasts_time_slice slice;
  bool draining;
  void (*drained)(void *context);
  SLIST_HEAD(mtasts_accept_events, mtasts_accept_event) accept_events;
  struct event pause;   /* accepting goes on when it ends */
  struct event sweep;   /* pending while a peer is stuck */
  struct event emptied; /* tells `drained` */
  struct mtasts_ratelimit malformed, no_room;

  /* Replies on their way out, of one peer at a time. */
  size_t out_from, out_to;
  char out[MTASTS_PEER_GATHER + 2 * MTASTS_NETSTRING_HEAD + MTASTS_REPLY_MAX];
};

/* Takes the descriptor over. NULL: no memory, and it is closed. */
struct mtasts_peer *mtasts_peer_open(struct mtasts_socketmap *server, int fd,
                                     enum mtasts_socket_kind socket_kind, bool network, uid_t uid);
/* Its turn has come: of time_slice.h. */
void mtasts_peer_resume(struct mtasts_peer *peer);
void mtasts_peer_close(struct mtasts_peer *peer);
/* Answers what has come and closes it, at once where nothing is owed any more. */
void mtasts_peer_drain(struct mtasts_peer *peer);

/* A connection less. */
void mtasts_socketmap_left(struct mtasts_socketmap *server, bool network);

#endif
