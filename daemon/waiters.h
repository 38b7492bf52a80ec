/*
 * waiters.h: which requests wait for which pending jobs, and until when.
 *
 * A pending job is a job that the net loop has not given back. Requests that need the same job
 * share one. The waiters of one pending job are bounded here; clients.h bounds the pending jobs and
 * the waiters of a client, of an origin and in all. So neither a domain nor a client can use up
 * what others need. A pending job counts for the client that first wanted it.
 */
#ifndef MTASTS_WAITERS_H
#define MTASTS_WAITERS_H

#include "clients.h"
#include "job.h"
#include "map_reply.h"

enum {
  MTASTS_WAITERS_PENDING_JOB_MAX = 256, /* of each origin */
};

/* Within a class, a waiter that begins later has a later deadline. */
enum mtasts_timeout_class {
  MTASTS_TIMEOUT_CLASS_STS,
  MTASTS_TIMEOUT_CLASS_MTA,
  MTASTS_TIMEOUT_CLASS_ASK,
  MTASTS_TIMEOUT_CLASSES,
};

struct mtasts_pending_job;

struct mtasts_waiter {
  TAILQ_ENTRY(mtasts_waiter) by_pending_job;
  TAILQ_ENTRY(mtasts_waiter) by_deadline;
  struct mtasts_pending_job *pending_job;
  struct mtasts_peer *peer;
  enum mtasts_map map;
  enum mtasts_timeout_class timeout_class;
  int64_t since;    /* by mtasts_clock_coarse_ms */
  int64_t deadline; /* likewise */
  struct mtasts_client *client;
  size_t text_len;
  char text[]; /* the domain as it was asked for */
};

TAILQ_HEAD(mtasts_waiter_list, mtasts_waiter);

struct mtasts_pending_job {
  enum mtasts_job_kind kind;
  uint64_t serial; /* 0 if other requests may join */
  struct mtasts_domain domain;
  struct mtasts_client *client;
  enum mtasts_urgency urgency; /* as the net loop knows it */
  struct mtasts_waiter_list waiters;
  unsigned counts[MTASTS_ORIGINS]; /* of the waiters */
};

struct mtasts_waiters {
  struct mtasts_queue *to_net;
  struct mtasts_clients *clients;
  void *pending_jobs; /* a tree of tsearch(3) */
  uint64_t serial;
  struct mtasts_waiter_list by_deadline[MTASTS_TIMEOUT_CLASSES];
};

/* clients: must outlive the waiters, but for mtasts_waiters_destroy. */
void mtasts_waiters_init(struct mtasts_waiters *waiters, struct mtasts_queue *to_net,
                         struct mtasts_clients *clients);
/* Frees pending jobs and waiters without replies. */
void mtasts_waiters_destroy(struct mtasts_waiters *waiters);

/* A new waiter: its peer, map, text and deadline. */
struct mtasts_wait {
  struct mtasts_peer *peer;
  enum mtasts_map map;
  struct mtasts_span text; /* the request's; copied */
  enum mtasts_timeout_class timeout_class;
  int64_t deadline;
};

/* Gives the job to the net loop, unless the same one is pending, and makes the peer wait for it.
 * The job is taken over. NULL: past a limit, or no memory. */
struct mtasts_waiter *mtasts_waiters_add(struct mtasts_waiters *waiters, struct mtasts_job *job,
                                         const struct mtasts_wait *wait);

/* Gives a background job of this kind for the domain, unless one is pending or a limit is reached.
 * peer: the peer whose request needs it; NULL: an outcome needs it. */
void mtasts_waiters_background_lookup(struct mtasts_waiters *waiters, enum mtasts_job_kind kind,
                                      const struct mtasts_domain *domain,
                                      const struct mtasts_peer *peer);

/* The pending job of a job that came back; no request can join it any more. The caller must release
 * its waiters and then free it. */
struct mtasts_pending_job *mtasts_waiters_end(struct mtasts_waiters *waiters,
                                              const struct mtasts_job *job);

/* Ends and frees a waiter. */
void mtasts_waiters_release(struct mtasts_waiters *waiters, struct mtasts_waiter *waiter);

/* The one with the earliest deadline, or NULL. */
struct mtasts_waiter *mtasts_waiters_first(const struct mtasts_waiters *waiters);

#endif
