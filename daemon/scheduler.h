/*
 * scheduler.h: the net loop's control scheduler: which look-up flies when, what becomes of its
 * result, and who is told, after the commit.
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
  /* Domains that are tried again sooner than once an interval: 1.2 MB at most, and no more than
   * 14 look-ups a second were all of them failing for the first time. */
  MTASTS_DUE_QUEUE_MAX = 4096,

  MTASTS_NET_WAITING_MAX = 16384, /* look-ups that wait for their turn; past it, MTASTS_FULL */
  /* RFC 8461 section 5.1 asks for a new look at the TXT record before a permanent failure; a
   * domain is looked at again for that at most once in so many seconds. */
  MTASTS_RECHECK_EVERY = 60,
};

struct mtasts_scheduler {
  /* The owner's. */
  struct event_base *base;
  struct mtasts_net net;
  struct mtasts_store *store;
  const struct mtasts_usage_filter *usage;
  struct mtasts_stats *stats;
  struct mtasts_queue *to_front;      /* NULL: nobody answers but this loop */
  uint32_t in_flight;                 /* look-ups at a time */
  const struct mtasts_config *config; /* its overrides; NULL: there are none */

  /* The scheduler's. */
  struct mtasts_due_queue *due_queue;
  struct mtasts_reader *reader;
  struct mtasts_net without_dane; /* of a domain whose override says dane = "off" */
  struct mtasts_tasks tasks;
  struct mtasts_fetch_limits origins;
  struct mtasts_ratelimit looked; /* at those that are held for an address */
  struct event *commit;
  struct event *slow_timer;                /* one running will have taken long */
  struct mtasts_ratelimit store_error_log; /* of a store that fails */
};

/* The owner's part is there already. False: no memory, or the store cannot be read; close it. */
bool mtasts_scheduler_open(struct mtasts_scheduler *scheduler);

void mtasts_scheduler_close(struct mtasts_scheduler *scheduler);

/* Commits what is learnt, and answers the jobs of all other tasks with MTASTS_TIMEOUT. */
void mtasts_scheduler_clear(struct mtasts_scheduler *scheduler);

/* Gives a job back to the front loop, or frees it where nobody wants an answer. */
void mtasts_scheduler_answer(struct mtasts_scheduler *scheduler, struct mtasts_job *job,
                             enum mtasts_status status);

/* The task has finished, or will not: answers all who wait for it, and makes room for the next one
 * to the same domain, if that is wanted. Its look-up has been freed. */
void mtasts_scheduler_finish(struct mtasts_scheduler *scheduler, struct mtasts_task *task,
                             enum mtasts_status status);

/* Is there room for one more look-up to wait? */
bool mtasts_scheduler_has_room(const struct mtasts_scheduler *scheduler, bool waited);

/*
 * Asks for a look-up, or joins one that does as much: a REFRESH that comes while an ordinary one
 * is running is made after it, unless nobody wants an answer and it is not due by then. job:
 * NULL, or the scheduler's from then on if this is OK. MTASTS_FULL, MTASTS_NO_MEMORY
 */
enum mtasts_status mtasts_scheduler_request(struct mtasts_scheduler *scheduler,
                                            const struct mtasts_domain *domain,
                                            enum mtasts_job_kind kind, enum mtasts_urgency urgency,
                                            struct mtasts_job *job);

/* Starts what may start. To be called after requests. */
void mtasts_scheduler_start(struct mtasts_scheduler *scheduler);

/* What the cache holds; NULL: nothing that can be read. Good until the next call. */
const struct mtasts_entry *mtasts_scheduler_cached(struct mtasts_scheduler *scheduler,
                                                   const struct mtasts_domain *domain,
                                                   struct mtasts_entry *entry);

/* Puts the domain on the due queue where the sweep would come too late for it, else off it. */
void mtasts_scheduler_set_due(struct mtasts_scheduler *scheduler,
                              const struct mtasts_domain *domain, const struct mtasts_entry *entry);

/* Somebody has changed the store behind the look-ups' back: commits, and what is running for
 * that domain begins anew, as it knows what is no longer so. Returns the commit's status. */
enum mtasts_status mtasts_scheduler_store_changed(struct mtasts_scheduler *scheduler,
                                                  const struct mtasts_domain *domain);

/*
 * For another resolver: ends the look-ups under way, so that nothing of scheduler->net is in use,
 * and begins them again. Deadlines of those who wait stay. Not from inside a look-up's callback.
 */
void mtasts_scheduler_abort(struct mtasts_scheduler *scheduler);
void mtasts_scheduler_resume(struct mtasts_scheduler *scheduler);

/* Logs a failure of the cache, seldom. A cache that fails costs a line, not an answer; one that is
 * full has its own (store.h). Returns the status. */
enum mtasts_status mtasts_scheduler_log_store_error(struct mtasts_scheduler *scheduler,
                                                    enum mtasts_status status);

/* Tries again to store what the store did not take: one of them, and if it is taken, the others. */
void mtasts_scheduler_store_again(struct mtasts_scheduler *scheduler);

/* Sees to it that what is pending in the store is committed soon. */
void mtasts_scheduler_commit_soon(struct mtasts_scheduler *scheduler);

#endif
