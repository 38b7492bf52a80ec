/*
 * clients.h: the clients of mtastsd, and how much of it each client may use.
 *
 * A client is all peers of one uid at one socket, or all peers over TCP. Peers over TCP cannot be
 * distinguished, since any user of this host may connect from any address of 127.0.0.0/8. Pending
 * jobs and waiters are bounded for each client, for each origin, and in all, so that no client can
 * use up what others need. A part of each is reserved for every origin.
 *
 * The table belongs to the front loop's thread. A client stays in it while it has references.
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
  MTASTS_ORIGIN_OUTCOME,   /* the outcome socket, where MTAs report their sessions */
  MTASTS_ORIGINS,
};

enum {
  MTASTS_CLIENTS_MAX = 64, /* further uids share one client for each origin */

  MTASTS_PENDING_JOBS_MAX = 4096,        /* of all clients together */
  MTASTS_PENDING_JOBS_RESERVED = 512,    /* of them, reserved for each other origin */
  MTASTS_PENDING_JOBS_CLIENT_MAX = 2048, /* of one client of a unix socket */
  MTASTS_PENDING_JOBS_OUTCOME_MAX = 512, /* of the outcome socket */

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
  struct mtasts_peers put_off; /* peers that go on in a later turn of the loop: time_slice.h */
  TAILQ_ENTRY(mtasts_client) turn;
};

/* How much of one resource exists, and how much each origin uses. */
struct mtasts_allowance {
  unsigned max, reserved, total;
  unsigned used[MTASTS_ORIGINS];
};

struct mtasts_clients {
  struct mtasts_client all[MTASTS_CLIENTS_MAX + MTASTS_ORIGINS];
  struct mtasts_allowance pending_jobs, waiters;
  unsigned network_pending_jobs; /* the most for peers over TCP: socketmap.network_lookups */
};

void mtasts_clients_init(struct mtasts_clients *clients, unsigned network_pending_jobs);

/* The client of a peer, with a reference added. Never NULL: past MTASTS_CLIENTS_MAX, several uids
 * share one. */
struct mtasts_client *mtasts_clients_ref(struct mtasts_clients *clients, enum mtasts_origin origin,
                                         uid_t uid);
void mtasts_clients_unref(struct mtasts_client *client);

/* Counts a pending job of the client, and adds a reference. background: no request waits for the
 * job, so a quarter of the limit is left for jobs with waiters. False: a limit is reached. */
bool mtasts_clients_take_pending_job(struct mtasts_clients *clients, struct mtasts_client *client,
                                     bool background);
void mtasts_clients_end_pending_job(struct mtasts_clients *clients, struct mtasts_client *client);

/* The same for a waiter; its connection already holds a reference to the client. */
bool mtasts_clients_take_waiter(struct mtasts_clients *clients, struct mtasts_client *client);
void mtasts_clients_end_waiter(struct mtasts_clients *clients, struct mtasts_client *client);

#endif
