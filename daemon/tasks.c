#include "tasks.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "organisation.h"

struct mtasts_task_share {
  char name[MTASTS_DOMAIN_MAX + 1]; /* first: tsearch(3) compares by it */
  LIST_ENTRY(mtasts_task_share) link;
  size_t tasks;
  size_t running;
  struct mtasts_task_queue over_share;
};

void mtasts_tasks_init(struct mtasts_tasks *tasks, void *owner) {
  *tasks = (struct mtasts_tasks){.owner = owner};
  for (int i = 0; i < MTASTS_TASK_LISTS; i++)
    TAILQ_INIT(&tasks->lists[i]);
  LIST_INIT(&tasks->shares);
}

/* shares */

static int compare_names(const void *a, const void *b) {
  return strcmp(a, b);
}

static struct mtasts_task_share *share_of(struct mtasts_tasks *tasks,
                                          const struct mtasts_domain *domain) {
  const char *name = domain->name + mtasts_organisation_start(domain->name, domain->len);
  struct mtasts_task_share *const *found = tfind(name, &tasks->by_owner, compare_names);
  if (found)
    return *found;
  struct mtasts_task_share *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  memcpy(made->name, name, strlen(name) + 1);
  TAILQ_INIT(&made->over_share);
  if (!tsearch(made, &tasks->by_owner, compare_names)) {
    free(made);
    return NULL;
  }
  LIST_INSERT_HEAD(&tasks->shares, made, link);
  return made;
}

/* Frees a share that has no tasks. */
static void drop_share(struct mtasts_tasks *tasks, struct mtasts_task_share *share) {
  if (share->tasks > 0)
    return;
  tdelete(share, &tasks->by_owner, compare_names);
  LIST_REMOVE(share, link);
  free(share);
}

static bool is_running(enum mtasts_task_list list) {
  return list >= MTASTS_TASK_RUNNING && list <= MTASTS_TASK_DELAYED;
}

/* A task of the owner has finished: moves another one back into its list. */
static void call_back(struct mtasts_tasks *tasks, struct mtasts_task_share *share) {
  struct mtasts_task *task = TAILQ_FIRST(&share->over_share);
  if (!task)
    return;
  TAILQ_REMOVE(&share->over_share, task, link);
  task->over_share = false;
  TAILQ_INSERT_HEAD(&tasks->lists[task->list], task, link);
}

struct mtasts_task *mtasts_tasks_next(struct mtasts_tasks *tasks, enum mtasts_task_list list,
                                      size_t max) {
  struct mtasts_task *task;
  while ((task = TAILQ_FIRST(&tasks->lists[list])) && task->share->running >= max) {
    TAILQ_REMOVE(&tasks->lists[list], task, link);
    task->over_share = true;
    TAILQ_INSERT_TAIL(&task->share->over_share, task, link);
  }
  return task;
}

size_t mtasts_task_running_of_owner(const struct mtasts_task *task) {
  return task->share->running;
}

struct mtasts_task *mtasts_tasks_any(const struct mtasts_tasks *tasks) {
  for (int list = 0; list < MTASTS_TASK_LISTS; list++)
    if (!TAILQ_EMPTY(&tasks->lists[list]))
      return TAILQ_FIRST(&tasks->lists[list]);
  struct mtasts_task_share *share;
  LIST_FOREACH(share, &tasks->shares, link)
  if (!TAILQ_EMPTY(&share->over_share))
    return TAILQ_FIRST(&share->over_share);
  return NULL;
}

/* tasks */

struct mtasts_task *mtasts_tasks_find(const struct mtasts_tasks *tasks,
                                      const struct mtasts_domain *domain) {
  struct mtasts_task *const *found = tfind(domain, &tasks->by_domain, mtasts_domain_compare);
  return found ? *found : NULL;
}

static void enlist(struct mtasts_tasks *tasks, struct mtasts_task *task,
                   enum mtasts_task_list list) {
  task->list = list;
  tasks->counts[list]++;
  if (is_running(list))
    task->share->running++;
  TAILQ_INSERT_TAIL(&tasks->lists[list], task, link);
}

static void delist(struct mtasts_tasks *tasks, struct mtasts_task *task) {
  struct mtasts_task_share *share = task->share;
  tasks->counts[task->list]--;
  if (task->over_share)
    TAILQ_REMOVE(&share->over_share, task, link);
  else
    TAILQ_REMOVE(&tasks->lists[task->list], task, link);
  task->over_share = false;
  if (is_running(task->list)) {
    share->running--;
    call_back(tasks, share);
  }
}

struct mtasts_task *mtasts_tasks_add(struct mtasts_tasks *tasks, const struct mtasts_domain *domain,
                                     enum mtasts_task_list list) {
  struct mtasts_task *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  made->domain = *domain;
  made->owner = tasks->owner;
  STAILQ_INIT(&made->demand.jobs);
  STAILQ_INIT(&made->next.jobs);
  made->share = share_of(tasks, domain);
  if (!made->share || !tsearch(made, &tasks->by_domain, mtasts_domain_compare)) {
    if (made->share)
      drop_share(tasks, made->share);
    free(made);
    return NULL;
  }
  made->share->tasks++;
  enlist(tasks, made, list);
  return made;
}

void mtasts_tasks_move(struct mtasts_tasks *tasks, struct mtasts_task *task,
                       enum mtasts_task_list list) {
  delist(tasks, task);
  enlist(tasks, task, list);
}

void mtasts_tasks_remove(struct mtasts_tasks *tasks, struct mtasts_task *task) {
  delist(tasks, task);
  tdelete(task, &tasks->by_domain, mtasts_domain_compare);
  task->share->tasks--;
  drop_share(tasks, task->share);
  free(task->value);
  free(task);
}

void mtasts_task_demand_add(struct mtasts_task_demand *demand, enum mtasts_job_kind kind,
                            enum mtasts_urgency urgency, struct mtasts_job *job) {
  demand->wanted = true;
  demand->waited |= urgency != MTASTS_URGENCY_BACKGROUND;
  if (urgency > demand->urgency)
    demand->urgency = urgency;
  if (kind > demand->kind)
    demand->kind = kind;
  if (job)
    STAILQ_INSERT_TAIL(&demand->jobs, job, link);
}
