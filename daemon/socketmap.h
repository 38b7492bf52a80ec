/*
 * socketmap.h: the server's side of the socketmap protocol: listeners, connections, requests in,
 * replies out, in order, on one libevent loop. Plain events, not bufferevents, which cost half the
 * throughput.
 *
 * Hostile peers: a malformed or oversized request closes its connection and no other. A peer that
 * does not read its replies is not read from. Connections over TCP have their own limit. If the
 * limit is reached, one connection is closed for a new one: one that has been stuck, or has sent
 * nothing, for a second; else the one that has been idle longest. A connection that has only just
 * been accepted is never closed for another. Otherwise idle connections stay open, since Postfix
 * and others keep theirs and take a closed one for a failure. A partial request or reply may take
 * half a minute. A peer that has shut down its sending side still gets its replies.
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
  MTASTS_PEERS_MAX = 16384,            /* fewer if descriptors are few */
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
  /* The peer has also sent this request, and it will come to `request` after the earlier ones have
   * been replied to. The callee must not change the peer. */
  void (*ahead)(void *context, const struct mtasts_peer *peer,
                const struct mtasts_request *request);
  /* The peer has closed its connection while a reply was pending, and must not be replied to any
   * more. For a TCP peer this is only known when it is replied to. */
  void (*gone)(void *context, struct mtasts_peer *peer);
  void *context;
  unsigned peers_max;
  unsigned network_peers_max;        /* over TCP; at most three quarters of peers_max */
  unsigned network_pending_jobs_max; /* for peers over TCP */
};

struct mtasts_socketmap *mtasts_socketmap_new(const struct mtasts_socketmap_options *options);
/* Changes the limits. */
void mtasts_socketmap_limit(struct mtasts_socketmap *socketmap, unsigned network_peers_max,
                            unsigned network_pending_jobs_max);
/* Closes all connections and listeners; calls `gone` for peers that wait. */
void mtasts_socketmap_free(struct mtasts_socketmap *socketmap);

/* Accepts connections at a listening, non-blocking socket, which is taken over. False: no memory.
 */
bool mtasts_socketmap_listen(struct mtasts_socketmap *socketmap, int fd,
                             enum mtasts_socket_kind socket_kind);

/* Accepts at fd in place of `old`, which clients can no longer reach: accepts the connections that
 * wait at `old`, and closes it. The same as mtasts_socketmap_listen if `old` is none of its
 * sockets. */
bool mtasts_socketmap_replace(struct mtasts_socketmap *socketmap, int old, int fd,
                              enum mtasts_socket_kind socket_kind);

/* Accepts no more, and closes each connection after the replies it waits for. `drained` (may be
 * NULL) is called, from the loop, when none is left. */
void mtasts_socketmap_drain(struct mtasts_socketmap *socketmap, void (*drained)(void *context));

/* Sends the reply to a request that was answered with MTASTS_REPLY_LATER. The request function must
 * not call it. It may handle the peer's next requests before it returns; the peer may be freed
 * afterwards. */
void mtasts_peer_reply(struct mtasts_peer *peer, struct mtasts_span payload);

/* Is there time left in this turn of the loop (time_slice.h)? If not, postpone what can wait. */
bool mtasts_socketmap_has_time(struct mtasts_socketmap *socketmap);

/* The clients of all connections. */
struct mtasts_clients *mtasts_socketmap_clients(struct mtasts_socketmap *socketmap);
struct mtasts_client *mtasts_peer_client(const struct mtasts_peer *peer);

enum mtasts_socket_kind mtasts_peer_socket_kind(const struct mtasts_peer *peer);
/* Of a unix peer; (uid_t)-1 of another. */
uid_t mtasts_peer_uid(const struct mtasts_peer *peer);
/* A pointer of the request function, for the request that waits; NULL at first. */
void mtasts_peer_set_token(struct mtasts_peer *peer, void *token);
void *mtasts_peer_token(const struct mtasts_peer *peer);

#endif
