/*
 * waiters.h: who waits for what the net loop has been asked, and until when.
 *
 * An errand is a job that is out; whoever wants the same waits for the same. All of it is
 * bounded: the errands, the waiters of one, the waiters in all, and one client's share of
 * them, so that neither a domain nor a client can use up what others need.
 */
#ifndef MTASTS_WAITERS_H
#define MTASTS_WAITERS_H

#include "job.h"
#include "reply.h"

enum {
  MTASTS_ERRANDS_MAX = 4096,
  MTASTS_ERRANDS_BEHIND_MAX = 3072, /* past it, none that nobody waits for */
  MTASTS_WAITERS_MAX = 8192,
  MTASTS_WAITERS_ERRAND_MAX = 256,
  MTASTS_WAITERS_CLIENT_MAX = 6144, /* of one uid, or from all of the network */
  MTASTS_CLIENTS_MAX = 64,          /* uids that have waiters at a time */
};

/* Deadlines of one kind come in the order in which waiting begins. */
enum mtasts_patience {
  MTASTS_PATIENCE_STS,
  MTASTS_PATIENCE_MTA,
  MTASTS_PATIENCE_ASK,
  MTASTS_PATIENCES,
};

struct mtasts_errand;

struct mtasts_waiter {
  TAILQ_ENTRY(mtasts_waiter) by_errand;
  TAILQ_ENTRY(mtasts_waiter) by_deadline;
  struct mtasts_errand *errand;
  struct mtasts_peer *peer;
  enum mtasts_map map;
  enum mtasts_patience patience;
  int64_t since;    /* by mtasts_uptime */
  int64_t deadline; /* likewise */
  size_t client;
  size_t text_len;
  char text[]; /* the domain as it was asked for */
};

TAILQ_HEAD(mtasts_waiter_list, mtasts_waiter);

struct mtasts_errand {
  enum mtasts_job_kind kind;
  uint64_t serial; /* 0 where others may join */
  struct mtasts_domain domain;
  bool waited; /* the net loop knows that somebody waits */
  struct mtasts_waiter_list waiters;
  unsigned count;
};

struct mtasts_waiters {
  struct mtasts_queue *to_net;
  void *errands; /* a tree of tsearch(3) */
  unsigned errand_count;
  uint64_t serial;
  struct mtasts_waiter_list by_deadline[MTASTS_PATIENCES];
  unsigned count;
  struct {
    uid_t uid;
    unsigned count;
  } clients[MTASTS_CLIENTS_MAX];
};

void mtasts_waiters_init(struct mtasts_waiters *waiters, struct mtasts_queue *to_net);
/* Frees errands and waiters, and tells nobody. */
void mtasts_waiters_destroy(struct mtasts_waiters *waiters);

/* Gives the job, which is taken over, unless the same one is out, and makes the peer wait for it.
 * NULL: past a limit, or no memory. */
struct mtasts_waiter *mtasts_waiters_add(struct mtasts_waiters *waiters, struct mtasts_job *job,
                                         struct mtasts_peer *peer, enum mtasts_map map,
                                         struct mtasts_span text, enum mtasts_patience patience,
                                         int64_t deadline);

/* Has such a job of the domain's done while nobody waits, unless it is out or too much is. */
void mtasts_waiters_look_behind(struct mtasts_waiters *waiters, enum mtasts_job_kind kind,
                                const struct mtasts_domain *domain);

/* The errand of a job that came back: others can no longer join it. Its waiters are to be
 * released and then it is to be freed. */
struct mtasts_errand *mtasts_waiters_end(struct mtasts_waiters *waiters,
                                         const struct mtasts_job *job);

/* Waits no more; frees it. */
void mtasts_waiters_release(struct mtasts_waiters *waiters, struct mtasts_waiter *waiter);

/* The one with the earliest deadline, or NULL. */
struct mtasts_waiter *mtasts_waiters_first(const struct mtasts_waiters *waiters);

#endif
