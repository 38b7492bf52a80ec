/*
 * tasks.h: the look-ups of the net loop, one a domain: those that wait for their turn, those
 * running, those that have finished and are answered after their commit, and those whose result the
 * store did not take.
 *
 * Each organisational domain (organisation.h) has so many running at most. Its other ones wait
 * outside of their list until one of them finishes, so that they hold up nobody else's.
 */
#ifndef MTASTS_TASKS_H
#define MTASTS_TASKS_H

#include <sys/queue.h>

#include "fetch_limits.h"
#include "job.h"

struct mtasts_lookup;

enum mtasts_task_list {
  MTASTS_TASK_QUEUED,             /* for its turn; somebody waits for it */
  MTASTS_TASK_QUEUED_NETWORK,     /* for its turn; only peers over TCP wait for it */
  MTASTS_TASK_QUEUED_BACKGROUND,  /* for its turn, behind those */
  MTASTS_TASK_RUNNING,            /* somebody waited for it when it began */
  MTASTS_TASK_RUNNING_NETWORK,    /* only peers over TCP did */
  MTASTS_TASK_RUNNING_BACKGROUND, /* nobody did */
  MTASTS_TASK_RUNNING_SLOW,       /* running, but its place is another's: it takes long */
  MTASTS_TASK_DELAYED, /* begun; others fetch from the address of its policy host: task_slots.h */
  MTASTS_TASK_UNCOMMITTED,
  MTASTS_TASK_UNSTORED, /* answered; nobody wants anything, but what was learnt is known here alone
                         */
  MTASTS_TASK_LISTS,
};

/* What is wanted of a look-up, by all who want it. */
struct mtasts_task_demand {
  enum mtasts_job_kind kind; /* the most that was asked for: LOOK_UP < RECHECK < REFRESH */
  bool wanted;
  bool waited;
  enum mtasts_urgency urgency; /* of all who want it, the most */
  struct mtasts_jobs jobs;     /* to be answered */
};

/* What the domains of one owner have. */
struct mtasts_task_share;

struct mtasts_task {
  struct mtasts_domain domain; /* first: tsearch(3) compares tasks and domains by it */
  void *owner;
  struct mtasts_task_demand demand;
  struct mtasts_task_demand next; /* what came when it was too late for this task to do it */
  enum mtasts_job_kind serves;    /* of a task that has begun: the most that it does */

  struct mtasts_lookup *lookup; /* running */
  struct mtasts_entry before;   /* what was known when it began, without names and detail */

  /* The answer, of one that has finished, or of one before that was not stored. */
  enum mtasts_freshness freshness;
  unsigned char *value;
  size_t value_size;  /* bytes */
  bool unstored;      /* the store did not take it */
  bool sent_to_front; /* the front loop has it: MTASTS_JOB_UNSTORED */

  struct mtasts_task_share *share;
  struct mtasts_fetch_limit_use origin;
  int64_t since; /* running, by mtasts_clock_coarse_ms */

  enum mtasts_task_list list;
  bool over_share; /* not in that list: its owner has enough running */
  TAILQ_ENTRY(mtasts_task) link;
};

TAILQ_HEAD(mtasts_task_queue, mtasts_task);

struct mtasts_tasks {
  void *owner;
  void *by_domain; /* tsearch(3) */
  void *by_owner;  /* shares, likewise */
  LIST_HEAD(mtasts_share_list, mtasts_task_share) shares;
  struct mtasts_task_queue lists[MTASTS_TASK_LISTS];
  size_t counts[MTASTS_TASK_LISTS];
};

void mtasts_tasks_init(struct mtasts_tasks *tasks, void *owner);

struct mtasts_task *mtasts_tasks_find(const struct mtasts_tasks *tasks,
                                      const struct mtasts_domain *domain);
/* The first of a list whose owner has fewer than `max` running; NULL: there is none. Those
 * before it wait outside of it. */
struct mtasts_task *mtasts_tasks_next(struct mtasts_tasks *tasks, enum mtasts_task_list list,
                                      size_t max);
/* Any; NULL: there is none. */
struct mtasts_task *mtasts_tasks_any(const struct mtasts_tasks *tasks);
/* How many its owner has running. */
size_t mtasts_task_running_of_owner(const struct mtasts_task *task);

/* Of a domain that has none; at the end of a list. NULL: no memory. */
struct mtasts_task *mtasts_tasks_add(struct mtasts_tasks *tasks, const struct mtasts_domain *domain,
                                     enum mtasts_task_list list);
/* To the end of a list. */
void mtasts_tasks_move(struct mtasts_tasks *tasks, struct mtasts_task *task,
                       enum mtasts_task_list list);
/* Frees the task and its value; its jobs have been answered and its look-up ended. */
void mtasts_tasks_remove(struct mtasts_tasks *tasks, struct mtasts_task *task);

/* Adds to what is wanted. job: NULL where nobody wants an answer. */
void mtasts_task_demand_add(struct mtasts_task_demand *demand, enum mtasts_job_kind kind,
                            enum mtasts_urgency urgency, struct mtasts_job *job);

#endif
