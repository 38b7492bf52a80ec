/*
 * scheduler.h: the net loop's look-up scheduler. It starts look-up tasks, commits their results,
 * and answers their jobs after the commit.
 *
 * All in the net loop's thread. Fields are for the net loop to fill and to read.
 */
#ifndef MTASTS_SCHEDULER_H
#define MTASTS_SCHEDULER_H

#include <event2/event.h>

#include "due_queue.h"
#include "fetch_limits.h"
#include "lookup.h"
#include "ratelimit.h"
#include "stats.h"
#include "store.h"
#include "tasks.h"
#include "usage_filter.h"

enum {
  /* Domains that are tried again sooner than once an interval. They take at most 1.2 MB, and cause
   * at most 14 look-ups a second if all of them fail for the first time. */
  MTASTS_DUE_QUEUE_MAX = 4096,

  MTASTS_NET_WAITING_MAX = 16384, /* queued look-ups; past it, MTASTS_FULL */
  /* RFC 8461 section 5.1 requires a recheck of the TXT record before a permanent failure. A domain
   * is rechecked at most once in so many seconds. */
  MTASTS_RECHECK_EVERY = 60,
};

struct mtasts_scheduler {
  /* The owner's. */
  struct event_base *base;
  struct mtasts_net net;
  struct mtasts_store *store;
  const struct mtasts_usage_filter *usage;
  struct mtasts_stats *stats;
  struct mtasts_queue *to_front;      /* NULL: there is no front loop */
  uint32_t in_flight;                 /* the most look-ups at a time */
  const struct mtasts_config *config; /* its overrides; NULL: there are none */

  /* The scheduler's. */
  struct mtasts_due_queue *due_queue;
  struct mtasts_reader *reader;
  struct mtasts_net without_dane; /* for domains whose override says dane = "off" */
  struct mtasts_tasks tasks;
  struct mtasts_fetch_limits origins;
  struct mtasts_ratelimit looked; /* for the check of tasks that are delayed for an address */
  struct event *commit;
  struct event *slow_timer;                /* fires when a running task counts as slow */
  struct mtasts_ratelimit store_error_log; /* limits log lines about a store that fails */
};

/* The caller has set the owner's part. False: no memory, or the store cannot be read. Must be
 * closed in both cases. */
bool mtasts_scheduler_open(struct mtasts_scheduler *scheduler);

void mtasts_scheduler_close(struct mtasts_scheduler *scheduler);

/* Commits finished results, and answers the jobs of all other tasks with MTASTS_TIMEOUT. */
void mtasts_scheduler_clear(struct mtasts_scheduler *scheduler);

/* Gives a job back to the front loop, or frees it if it wants no answer. */
void mtasts_scheduler_answer(struct mtasts_scheduler *scheduler, struct mtasts_job *job,
                             enum mtasts_status status);

/* The task has finished, or is given up: answers all of its jobs, and queues the next task of the
 * same domain, if one is wanted. Its look-up has been freed. */
void mtasts_scheduler_finish(struct mtasts_scheduler *scheduler, struct mtasts_task *task,
                             enum mtasts_status status);

/* Is there room for one more queued look-up? */
bool mtasts_scheduler_has_room(const struct mtasts_scheduler *scheduler, bool waited);

/*
 * Asks for a look-up, or joins one that does as much. A REFRESH that arrives while an ordinary
 * look-up runs is queued behind it. It is dropped if it is no longer due by then and no job wants
 * an answer. job: NULL, or owned by the scheduler if this returns OK. MTASTS_FULL, MTASTS_NO_MEMORY
 */
enum mtasts_status mtasts_scheduler_request(struct mtasts_scheduler *scheduler,
                                            const struct mtasts_domain *domain,
                                            enum mtasts_job_kind kind, enum mtasts_urgency urgency,
                                            struct mtasts_job *job);

/* Starts queued tasks while slots are free. To be called after requests. */
void mtasts_scheduler_start(struct mtasts_scheduler *scheduler);

/* The cached entry; NULL: there is none that can be read. Good until the next call. */
const struct mtasts_entry *mtasts_scheduler_cached(struct mtasts_scheduler *scheduler,
                                                   const struct mtasts_domain *domain,
                                                   struct mtasts_entry *entry);

/* Puts the domain on the due queue if the sweep would reach it too late; else takes it off. */
void mtasts_scheduler_set_due(struct mtasts_scheduler *scheduler,
                              const struct mtasts_domain *domain, const struct mtasts_entry *entry);

/* Call after an import or removal: commits, and restarts a running look-up of that domain, whose
 * starting entry is now stale. Returns the commit's status. */
enum mtasts_status mtasts_scheduler_store_changed(struct mtasts_scheduler *scheduler,
                                                  const struct mtasts_domain *domain);

/*
 * To change the resolver: abort ends the running look-ups, so that nothing of scheduler->net is in
 * use; resume begins them again. The deadlines of waiters stay. Not from inside a look-up's
 * callback.
 */
void mtasts_scheduler_abort(struct mtasts_scheduler *scheduler);
void mtasts_scheduler_resume(struct mtasts_scheduler *scheduler);

/* Logs a failure of the cache, rate-limited. The failure does not affect answers. store.h logs a
 * full cache itself. Returns the status. */
enum mtasts_status mtasts_scheduler_log_store_error(struct mtasts_scheduler *scheduler,
                                                    enum mtasts_status status);

/* Tries again to store unstored entries: one first, and the others if that succeeds. */
void mtasts_scheduler_store_again(struct mtasts_scheduler *scheduler);

/* Sets a timer so that pending changes of the store are committed soon. */
void mtasts_scheduler_commit_soon(struct mtasts_scheduler *scheduler);

#endif
