#include "scheduler_private.h"

#include "lookup.h"

enum {
  SLOW_MS = 1000, /* running; then other tasks may use its slot */
  LOOK_MS = 1000, /* between checks of the delayed tasks */
};

/* The number of slots that are taken. */
static size_t places(const struct mtasts_scheduler *scheduler) {
  const size_t *counts = scheduler->tasks.counts;
  return counts[MTASTS_TASK_RUNNING] + counts[MTASTS_TASK_RUNNING_NETWORK] +
         counts[MTASTS_TASK_RUNNING_BACKGROUND];
}

size_t mtasts_task_slots_taken(const struct mtasts_scheduler *scheduler) {
  return places(scheduler) + scheduler->tasks.counts[MTASTS_TASK_RUNNING_SLOW];
}

/* the shares of addresses */

static size_t share_of(const struct mtasts_scheduler *scheduler) {
  return scheduler->in_flight / 4 > 0 ? scheduler->in_flight / 4 : 1;
}

bool mtasts_task_slots_admit(void *context, const struct in6_addr *address) {
  struct mtasts_task *task = context;
  struct mtasts_scheduler *scheduler = task->owner;
  mtasts_fetch_limits_remove(&scheduler->origins, &task->origin); /* of an earlier address */
  /* Without memory its share is not counted. */
  if (!mtasts_fetch_limits_add(&scheduler->origins, &task->origin, address))
    return true;
  if (mtasts_fetch_limits_has_room(&task->origin, share_of(scheduler))) {
    mtasts_fetch_limits_fetch(&task->origin);
    if (task->list == MTASTS_TASK_DELAYED) /* it began again, with other DNS servers */
      mtasts_tasks_move(&scheduler->tasks, task, MTASTS_TASK_RUNNING_SLOW);
    return true;
  }
  mtasts_tasks_move(&scheduler->tasks, task, MTASTS_TASK_DELAYED);
  event_active(scheduler->slow_timer, EV_TIMEOUT,
               0); /* its slot is free; the start must not run inside a look-up's callback */
  return false;
}

static bool may_fetch(const struct mtasts_scheduler *scheduler, const struct mtasts_task *task) {
  return task->origin.host && !task->origin.fetches &&
         mtasts_task_slots_taken(scheduler) < 2 * (size_t)scheduler->in_flight &&
         mtasts_fetch_limits_has_room(&task->origin, share_of(scheduler));
}

/* Starts the fetches of at most `max` delayed tasks that now may fetch. */
static void release(struct mtasts_scheduler *scheduler, size_t max) {
  struct mtasts_task *task = TAILQ_FIRST(&scheduler->tasks.lists[MTASTS_TASK_DELAYED]);
  struct mtasts_task *next;
  for (; task && max > 0; task = next) {
    next = TAILQ_NEXT(task, link);
    if (!may_fetch(scheduler, task))
      continue;
    mtasts_fetch_limits_fetch(&task->origin);
    mtasts_tasks_move(&scheduler->tasks, task, MTASTS_TASK_RUNNING_SLOW);
    task->since = mtasts_clock_coarse_ms();
    mtasts_lookup_admit(task->lookup);
    max--;
  }
}

void mtasts_task_slots_leave(struct mtasts_scheduler *scheduler, struct mtasts_task *task) {
  bool makes_room = task->origin.fetches && mtasts_fetch_limits_waited_for(&task->origin);
  mtasts_lookup_free(task->lookup);
  task->lookup = NULL;
  mtasts_fetch_limits_remove(&scheduler->origins, &task->origin);
  if (makes_room)
    release(scheduler, 1);
}

/* Ends tasks of the list that have had their turn while others are delayed for them. The domain is
 * not at fault: nothing is stored, and waiters are answered as at a deadline. */
static void end_turns(struct mtasts_scheduler *scheduler, enum mtasts_task_list list) {
  int64_t then = mtasts_clock_coarse_ms() - MTASTS_TASK_SLOTS_TURN_MS;
  struct mtasts_task *task = TAILQ_FIRST(&scheduler->tasks.lists[list]);
  struct mtasts_task *next;
  for (; task; task = next) {
    next = TAILQ_NEXT(task, link);
    if (task->since > then || !task->origin.fetches ||
        !mtasts_fetch_limits_waited_for(&task->origin))
      continue;
    mtasts_task_slots_leave(scheduler, task);
    mtasts_scheduler_finish(scheduler, task, MTASTS_TIMEOUT);
  }
}

void mtasts_task_slots_go(struct mtasts_scheduler *scheduler) {
  if (scheduler->tasks.counts[MTASTS_TASK_DELAYED] == 0 ||
      !mtasts_ratelimit(&scheduler->looked, LOOK_MS))
    return;
  release(scheduler, SIZE_MAX);
  end_turns(scheduler, MTASTS_TASK_RUNNING);
  end_turns(scheduler, MTASTS_TASK_RUNNING_NETWORK);
  end_turns(scheduler, MTASTS_TASK_RUNNING_BACKGROUND);
  end_turns(scheduler, MTASTS_TASK_RUNNING_SLOW);
}

/* places */

/* Too many tasks are slow: ends one, of the owner that has the most running. The domain is not at
 * fault: nothing is stored, and waiters are answered as at a deadline. */
static void end_one(struct mtasts_scheduler *scheduler) {
  struct mtasts_task *chosen = NULL;
  struct mtasts_task *task;
  TAILQ_FOREACH(task, &scheduler->tasks.lists[MTASTS_TASK_RUNNING_SLOW], link)
  if (!chosen || mtasts_task_running_of_owner(task) > mtasts_task_running_of_owner(chosen))
    chosen = task;
  if (!chosen)
    return;
  mtasts_task_slots_leave(scheduler, chosen);
  mtasts_scheduler_finish(scheduler, chosen, MTASTS_TIMEOUT);
}

/* The task of that kind that has run longest; if there is none, of any kind. */
static struct mtasts_task *oldest_of(const struct mtasts_scheduler *scheduler,
                                     enum mtasts_task_list kind) {
  static const enum mtasts_task_list kinds[] = {MTASTS_TASK_RUNNING, MTASTS_TASK_RUNNING_NETWORK,
                                                MTASTS_TASK_RUNNING_BACKGROUND};
  struct mtasts_task *oldest = TAILQ_FIRST(&scheduler->tasks.lists[kind]);
  if (oldest)
    return oldest;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    struct mtasts_task *task = TAILQ_FIRST(&scheduler->tasks.lists[kinds[i]]);
    if (task && (!oldest || task->since < oldest->since))
      oldest = task;
  }
  return oldest;
}

/*
 * Others wait, so a slow task gives up its slot. It goes on without one, as long as there are not
 * too many such tasks. False: no slot can be freed yet.
 */
static bool make_place(struct mtasts_scheduler *scheduler, enum mtasts_task_list kind) {
  struct mtasts_tasks *tasks = &scheduler->tasks;
  struct mtasts_task *oldest = oldest_of(scheduler, kind);
  if (!oldest)
    return false;
  int64_t left = oldest->since + SLOW_MS - mtasts_clock_coarse_ms();
  if (left > 0) {
    const struct timeval wait = {left / 1000, left % 1000 * 1000};
    if (!evtimer_pending(scheduler->slow_timer, NULL))
      evtimer_add(scheduler->slow_timer, &wait);
    return false;
  }
  if (tasks->counts[MTASTS_TASK_RUNNING_SLOW] >= scheduler->in_flight)
    end_one(scheduler);
  mtasts_tasks_move(tasks, oldest, MTASTS_TASK_RUNNING_SLOW);
  return true;
}

/*
 * Is there a free slot for one more of this kind? A quarter of the slots is reserved for background
 * tasks, and a quarter for tasks with waiters: hosts that never answer then delay only their own
 * kind. Tasks that only peers over TCP wait for get at most half of the slots. They count against
 * both reserves, since any user of this host may connect over TCP. One owner gets a quarter at
 * most.
 */
static bool has_place(const struct mtasts_scheduler *scheduler, enum mtasts_task_list to) {
  const size_t *counts = scheduler->tasks.counts;
  size_t network = counts[MTASTS_TASK_RUNNING_NETWORK];
  size_t quarter = scheduler->in_flight < 4 ? scheduler->in_flight / 2 : scheduler->in_flight / 4;
  size_t half = scheduler->in_flight - scheduler->in_flight / 2;
  size_t max = scheduler->in_flight - quarter;
  if (places(scheduler) >= scheduler->in_flight)
    return false;
  if (to != MTASTS_TASK_RUNNING_BACKGROUND && counts[MTASTS_TASK_RUNNING] + network >= max)
    return false;
  if (to != MTASTS_TASK_RUNNING && counts[MTASTS_TASK_RUNNING_BACKGROUND] + network >= max)
    return false;
  return to != MTASTS_TASK_RUNNING_NETWORK || network < half;
}

bool mtasts_task_slots_find(struct mtasts_scheduler *scheduler, enum mtasts_task_list kind) {
  return has_place(scheduler, kind) || make_place(scheduler, kind);
}
