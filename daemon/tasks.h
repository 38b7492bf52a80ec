/*
 * tasks.h: the look-up tasks of the net loop, one a domain. They are queued, running, uncommitted
 * (finished, and answered after the commit), or unstored (the store refused the result).
 *
 * The running tasks of each organisational domain (organisation.h), the owner, are bounded. Its
 * further tasks wait outside of their list until one of them finishes, so that they do not delay
 * those of other owners.
 */
#ifndef MTASTS_TASKS_H
#define MTASTS_TASKS_H

#include <sys/queue.h>

#include "fetch_limits.h"
#include "job.h"

struct mtasts_lookup;

enum mtasts_task_list {
  MTASTS_TASK_QUEUED,             /* a request waits for it */
  MTASTS_TASK_QUEUED_NETWORK,     /* only peers over TCP wait for it */
  MTASTS_TASK_QUEUED_BACKGROUND,  /* no request waits for it: starts after those */
  MTASTS_TASK_RUNNING,            /* a request waited for it when it began */
  MTASTS_TASK_RUNNING_NETWORK,    /* only peers over TCP waited */
  MTASTS_TASK_RUNNING_BACKGROUND, /* no request waited */
  MTASTS_TASK_RUNNING_SLOW,       /* running for long: another task may use its slot */
  MTASTS_TASK_DELAYED,            /* begun; waits for other fetches from its policy host's address:
                                     scheduler_private.h */
  MTASTS_TASK_UNCOMMITTED,
  MTASTS_TASK_UNSTORED, /* answered; kept, since its result is known only here */
  MTASTS_TASK_LISTS,
};

/* What all jobs of a domain together ask of its task. */
struct mtasts_task_demand {
  enum mtasts_job_kind kind; /* the most that was asked for: LOOK_UP < RECHECK < REFRESH */
  bool wanted;
  bool waited;
  enum mtasts_urgency urgency; /* the highest of all jobs */
  struct mtasts_jobs jobs;     /* to be answered */
};

/* The tasks of all domains of one owner. */
struct mtasts_task_share;

struct mtasts_task {
  struct mtasts_domain domain; /* first: tsearch(3) compares tasks and domains by it */
  void *owner;
  struct mtasts_task_demand demand;
  struct mtasts_task_demand next; /* of jobs that came too late for this task */
  enum mtasts_job_kind serves;    /* of a task that has begun: the most that it does */

  struct mtasts_lookup *lookup; /* running */
  struct mtasts_entry before;   /* the entry when it began, without names and detail */

  /* The answer: of this task if it has finished, or of an earlier one that was not stored. */
  enum mtasts_freshness freshness;
  unsigned char *value;
  size_t value_size;  /* bytes */
  bool unstored;      /* the store did not take it */
  bool sent_to_front; /* the front loop has it: MTASTS_JOB_UNSTORED */

  struct mtasts_task_share *share;
  struct mtasts_fetch_limit_use origin;
  int64_t since; /* running, by mtasts_clock_coarse_ms */

  enum mtasts_task_list list;
  bool over_share; /* not in that list: its owner has reached its limit */
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
/* How many tasks of the same owner are running. */
size_t mtasts_task_running_of_owner(const struct mtasts_task *task);

/* Adds a task at the end of a list; the domain must have none. NULL: no memory. */
struct mtasts_task *mtasts_tasks_add(struct mtasts_tasks *tasks, const struct mtasts_domain *domain,
                                     enum mtasts_task_list list);
/* Moves a task to the end of a list. */
void mtasts_tasks_move(struct mtasts_tasks *tasks, struct mtasts_task *task,
                       enum mtasts_task_list list);
/* Frees the task and its value; its jobs must have been answered, and its look-up ended. */
void mtasts_tasks_remove(struct mtasts_tasks *tasks, struct mtasts_task *task);

/* Adds a job, or the wish for a look-up, to the demand. job: NULL if no answer is wanted. */
void mtasts_task_demand_add(struct mtasts_task_demand *demand, enum mtasts_job_kind kind,
                            enum mtasts_urgency urgency, struct mtasts_job *job);

#endif
