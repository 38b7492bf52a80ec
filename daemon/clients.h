/*
 * clients.h: who asks, and how much of the daemon each may use up.
 *
 * A client is all peers of one uid at one socket, or all peers of the network: at a TCP socket
 * nobody can be told from another, since any user of this host may connect from any address of
 * 127.0.0.0/8. So that no client can use up what others need, look-ups and waiting are bounded
 * for each client, for each origin, and in all. A part of each is kept for every
 * origin, whatever the others do.
 *
 * The table belongs to the front loop's thread. A client stays in it while it is held.
 */
#ifndef MTASTS_CLIENTS_H
#define MTASTS_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/types.h>

enum mtasts_origin {
  MTASTS_ORIGIN_NETWORK,   /* a TCP socket: any user of this host, perhaps others */
  MTASTS_ORIGIN_SOCKETMAP, /* a unix socket of MTAs */
  MTASTS_ORIGIN_ASK,       /* the ask socket */
  MTASTS_ORIGIN_OUTCOME,   /* what an MTA tells of its sessions */
  MTASTS_ORIGINS,
};

enum {
  MTASTS_CLIENTS_MAX = 64, /* more uids than that at a time share one client for each origin */

  MTASTS_PENDING_JOBS_MAX = 4096,        /* look-ups and the like that are out, of all clients */
  MTASTS_PENDING_JOBS_RESERVED = 512,    /* of them, kept for each origin that others wait at */
  MTASTS_PENDING_JOBS_CLIENT_MAX = 2048, /* of one client of a unix socket */
  MTASTS_PENDING_JOBS_OUTCOME_MAX = 512, /* of what MTAs tell */

  MTASTS_WAITERS_MAX = 8192,
  MTASTS_WAITERS_RESERVED = 1024,
  MTASTS_WAITERS_CLIENT_MAX = 4096,
};

struct mtasts_peer;
TAILQ_HEAD(mtasts_peers, mtasts_peer);

struct mtasts_client {
  enum mtasts_origin origin;
  uid_t uid;
  unsigned references; /* by peers and pending jobs */
  unsigned pending_jobs, waiters;
  struct mtasts_peers put_off; /* of time_slice.h: peers that go on in a later turn of the loop */
  TAILQ_ENTRY(mtasts_client) turn;
};

/* What there is for all, and who has it. */
struct mtasts_allowance {
  unsigned max, reserved, total;
  unsigned used[MTASTS_ORIGINS];
};

struct mtasts_clients {
  struct mtasts_client all[MTASTS_CLIENTS_MAX + MTASTS_ORIGINS];
  struct mtasts_allowance pending_jobs, waiters;
  unsigned network_pending_jobs; /* look-ups of the network: socketmap.network_lookups */
};

void mtasts_clients_init(struct mtasts_clients *clients, unsigned network_pending_jobs);

/* The client of a peer, held. Never NULL: past MTASTS_CLIENTS_MAX, one that several uids share. */
struct mtasts_client *mtasts_clients_ref(struct mtasts_clients *clients, enum mtasts_origin origin,
                                         uid_t uid);
void mtasts_clients_unref(struct mtasts_client *client);

/* Counts a look-up of the client's, and holds the client. background: nobody waits for it, so a
 * quarter is left for what is waited for. False: there is no room. */
bool mtasts_clients_take_pending_job(struct mtasts_clients *clients, struct mtasts_client *client,
                                     bool background);
void mtasts_clients_end_pending_job(struct mtasts_clients *clients, struct mtasts_client *client);

/* The same for one that waits; the client is held by its connection. */
bool mtasts_clients_take_waiter(struct mtasts_clients *clients, struct mtasts_client *client);
void mtasts_clients_end_waiter(struct mtasts_clients *clients, struct mtasts_client *client);

#endif
