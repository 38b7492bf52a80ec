/*
 * socketmap.h: the server's side of the socketmap protocol: listeners, connections, requests
 * in, replies out, in order, on one libevent loop. Plain events, not bufferevents, which cost
 * half the throughput.
 *
 * Hostile peers: a malformed or oversized request closes its connection and no other. A peer
 * that does not read its replies is not read from. TCP has a part of the places. If all places are
 * taken, one connection makes room: one that has been stuck, or has sent nothing, for a second,
 * else the one that has been idle longest. A connection that has only just come is never closed for
 * another. Idle ones are otherwise left alone, since Postfix and others keep theirs and take a
 * closed one for a failure.
 * Half a request, or half a reply, is waited for for half a minute. A peer that has shut its side
 * down is still given its replies.
 */
#ifndef MTASTS_SOCKETMAP_H
#define MTASTS_SOCKETMAP_H

#include <sys/types.h>

#include "netstring.h"

struct event_base;
struct mtasts_client;
struct mtasts_clients;
struct mtasts_socketmap;
struct mtasts_peer; /* one connection */
struct mtasts_stats;

enum mtasts_socket_kind {
  MTASTS_SOCKET_SOCKETMAP, /* of MTAs */
  MTASTS_SOCKET_ASK,       /* of our own programs */
};

enum {
  MTASTS_REQUEST_MAX = 10000,          /* bytes; Postfix sends no more */
  MTASTS_REQUEST_IMPORT_MAX = 1 << 20, /* on the ask socket, where requests carry entries */
  MTASTS_REPLY_MAX = 512 << 10,        /* bytes of a payload */
  MTASTS_PEERS_MAX = 16384,            /* and less where descriptors are few */
};

/* What mtasts_request_fn returns in place of the reply's bytes. */
#define MTASTS_REPLY_LATER  SIZE_MAX       /* mtasts_peer_reply will be called */
#define MTASTS_REPLY_REFUSE (SIZE_MAX - 1) /* close the connection */

/* Writes the reply's payload to out, which has MTASTS_REPLY_MAX bytes, and returns its bytes. The
 * request points into the connection's buffer and is good for the call. */
typedef size_t mtasts_request_fn(void *context, struct mtasts_peer *peer,
                                 const struct mtasts_request *request, char *out);

struct mtasts_socketmap_options {
  struct event_base *base;
  struct mtasts_stats *stats;
  mtasts_request_fn *request;
  /* The peer has sent this request as well, and it will come to `request` once those before it have
   * been replied to. Nothing is to be done with the peer. */
  void (*ahead)(void *context, const struct mtasts_peer *peer,
                const struct mtasts_request *request);
  /* The peer has gone while a reply was to come later: it must not be replied to any more. That
   * is not known of a TCP peer before it is replied to. */
  void (*gone)(void *context, struct mtasts_peer *peer);
  void *context;
  unsigned peers_max;
  unsigned network_peers_max;        /* of them, over TCP; at most three quarters */
  unsigned network_pending_jobs_max; /* look-ups for them */
};

struct mtasts_socketmap *mtasts_socketmap_new(const struct mtasts_socketmap_options *options);
/* Other bounds, from now on. */
void mtasts_socketmap_limit(struct mtasts_socketmap *socketmap, unsigned network_peers_max,
                            unsigned network_pending_jobs_max);
/* Closes all connections and listeners; calls `gone` for those that wait. */
void mtasts_socketmap_free(struct mtasts_socketmap *socketmap);

/* Accepts connections at a listening, non-blocking socket, which is the socketmap's from now
 * on. False: no memory. */
bool mtasts_socketmap_listen(struct mtasts_socketmap *socketmap, int fd,
                             enum mtasts_socket_kind socket_kind);

/* Accepts there in place of at `old`, which nobody can connect to any more: those that wait at it
 * are let in, and it is closed. The same as mtasts_socketmap_listen if `old` is none of its
 * sockets. */
bool mtasts_socketmap_replace(struct mtasts_socketmap *socketmap, int old, int fd,
                              enum mtasts_socket_kind socket_kind);

/* Accepts no more, and closes each connection as soon as it has been given the replies it waits
 * for. `drained` (may be NULL) is told, from the loop, when none is left. */
void mtasts_socketmap_drain(struct mtasts_socketmap *socketmap, void (*drained)(void *context));

/* The reply to the request that was answered with MTASTS_REPLY_LATER; not to be called by the
 * request function. Goes on with the peer's next requests, perhaps before it returns; the peer
 * may be gone afterwards. */
void mtasts_peer_reply(struct mtasts_peer *peer, struct mtasts_span payload);

/* Is there time left in this turn of the loop (time_slice.h)? Else what can wait should. */
bool mtasts_socketmap_has_time(struct mtasts_socketmap *socketmap);

/* The clients of all connections. */
struct mtasts_clients *mtasts_socketmap_clients(struct mtasts_socketmap *socketmap);
struct mtasts_client *mtasts_peer_client(const struct mtasts_peer *peer);

enum mtasts_socket_kind mtasts_peer_socket_kind(const struct mtasts_peer *peer);
/* Of a unix peer; (uid_t)-1 of another. */
uid_t mtasts_peer_uid(const struct mtasts_peer *peer);
/* The request function's own, of the request that waits; NULL at first. */
void mtasts_peer_set_token(struct mtasts_peer *peer, void *token);
void *mtasts_peer_token(const struct mtasts_peer *peer);

#endif
