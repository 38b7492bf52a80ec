#include "scheduler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "entry_codec.h"
#include "error_map.h"
#include "log.h"
#include "lookup_log.h"
#include "scheduler_private.h"

enum {
  COMMIT_MS = 20, /* from the first of a group to its commit */
  LOG_EVERY_MS = 60000,
  UNSTORED_MAX = 512, /* unstored results that are kept */
};

static void on_commit(evutil_socket_t fd, short what, void *context);
static void on_slow(evutil_socket_t fd, short what, void *context);

bool mtasts_scheduler_open(struct mtasts_scheduler *scheduler) {
  mtasts_tasks_init(&scheduler->tasks, scheduler);
  scheduler->net.admit = mtasts_task_slots_admit;
  scheduler->due_queue = mtasts_due_queue_new(MTASTS_DUE_QUEUE_MAX);
  scheduler->commit = evtimer_new(scheduler->base, on_commit, scheduler);
  scheduler->slow_timer = evtimer_new(scheduler->base, on_slow, scheduler);
  return scheduler->due_queue && scheduler->commit && scheduler->slow_timer &&
         mtasts_reader_new(mtasts_store_cache(scheduler->store), &scheduler->reader) == MTASTS_OK;
}

/* answers */

void mtasts_scheduler_answer(struct mtasts_scheduler *scheduler, struct mtasts_job *job,
                             enum mtasts_status status) {
  job->status = status;
  if (job->token)
    mtasts_queue_give(scheduler->to_front, job);
  else
    mtasts_job_free(job);
}

static void keep_answer(struct mtasts_task *task, const struct mtasts_entry *entry,
                        enum mtasts_freshness freshness) {
  size_t size = mtasts_entry_size(entry);
  unsigned char *value = malloc(size);
  if (value)
    mtasts_entry_encode(entry, value);
  free(task->value); /* the entry may point into it, so it is freed here */
  task->value = value;
  task->value_size = value ? size : 0;
  task->freshness = freshness;
}

static void forget_answer(struct mtasts_task *task) {
  free(task->value);
  task->value = NULL;
  task->value_size = 0;
  task->unstored = false;
}

static enum mtasts_status copy_answer(const struct mtasts_task *task, struct mtasts_job *job) {
  job->value = task->value ? malloc(task->value_size) : NULL;
  if (!job->value)
    return MTASTS_NO_MEMORY;
  memcpy(job->value, task->value, task->value_size);
  job->value_size = task->value_size;
  job->freshness = task->freshness;
  return MTASTS_OK;
}

/* The front loop answers from the cache, so it gets each unstored entry, and a message when that
 * entry is stored. */
static void send_to_front(struct mtasts_scheduler *scheduler, struct mtasts_task *task) {
  if ((!task->unstored && !task->sent_to_front) || !scheduler->to_front)
    return;
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_UNSTORED);
  if (!job)
    return;
  job->domain = task->domain;
  if (task->unstored)
    copy_answer(task, job);
  task->sent_to_front = task->unstored;
  mtasts_queue_give(scheduler->to_front, job);
}

static void answer_all(struct mtasts_scheduler *scheduler, const struct mtasts_task *task,
                       struct mtasts_task_demand *demand, enum mtasts_status status) {
  struct mtasts_job *job;
  while ((job = STAILQ_FIRST(&demand->jobs))) {
    STAILQ_REMOVE_HEAD(&demand->jobs, link);
    mtasts_scheduler_answer(scheduler, job, status == MTASTS_OK ? copy_answer(task, job) : status);
  }
}

static enum mtasts_task_list check_slow_at(enum mtasts_urgency urgency) {
  switch (urgency) {
  case MTASTS_URGENCY_BACKGROUND:
    return MTASTS_TASK_QUEUED_BACKGROUND;
  case MTASTS_URGENCY_NETWORK:
    return MTASTS_TASK_QUEUED_NETWORK;
  case MTASTS_URGENCY_WAITED:
    break;
  }
  return MTASTS_TASK_QUEUED;
}

/* Keeps an unstored result. Otherwise, while the store fails, each request for a busy domain would
 * start a look-up. */
static void keep(struct mtasts_scheduler *scheduler, struct mtasts_task *task) {
  struct mtasts_tasks *tasks = &scheduler->tasks;
  mtasts_tasks_move(tasks, task, MTASTS_TASK_UNSTORED);
  if (tasks->counts[MTASTS_TASK_UNSTORED] <= UNSTORED_MAX)
    return;
  struct mtasts_task *oldest = TAILQ_FIRST(&tasks->lists[MTASTS_TASK_UNSTORED]);
  oldest->unstored = false;
  send_to_front(scheduler, oldest);
  mtasts_tasks_remove(tasks, oldest);
}

/* Answers the jobs, and queues the next task of the same domain, if one is wanted. */
void mtasts_scheduler_finish(struct mtasts_scheduler *scheduler, struct mtasts_task *task,
                             enum mtasts_status status) {
  send_to_front(scheduler, task);
  answer_all(scheduler, task, &task->demand, status);
  bool wanted = task->next.wanted;
  if (!wanted && !task->unstored) {
    mtasts_tasks_remove(&scheduler->tasks, task);
    return;
  }
  if (!task->unstored)
    forget_answer(task);
  task->demand.kind = task->next.kind;
  task->demand.waited = task->next.waited;
  task->demand.urgency = task->next.urgency;
  STAILQ_CONCAT(&task->demand.jobs, &task->next.jobs);
  task->next.wanted = task->next.waited = false;
  task->next.urgency = MTASTS_URGENCY_BACKGROUND;
  task->next.kind = MTASTS_JOB_LOOK_UP;
  if (wanted)
    mtasts_tasks_move(&scheduler->tasks, task, check_slow_at(task->demand.urgency));
  else
    keep(scheduler, task);
}

/* commits */

/* Is the cache still being checked? Then nothing is written, and results stay in memory. */
static bool is_checked_still(const struct mtasts_scheduler *scheduler) {
  return mtasts_cache_waits(mtasts_store_cache(scheduler->store));
}

static void finish_batch(struct mtasts_scheduler *scheduler, enum mtasts_status commit) {
  struct mtasts_task *task;
  evtimer_del(scheduler->commit);
  atomic_store_explicit(&scheduler->stats->store_fails, mtasts_store_fails(scheduler->store),
                        memory_order_relaxed);
  while ((task = TAILQ_FIRST(&scheduler->tasks.lists[MTASTS_TASK_UNCOMMITTED]))) {
    task->unstored = commit != MTASTS_OK;
    mtasts_scheduler_finish(scheduler, task, MTASTS_OK);
  }
}

enum mtasts_status mtasts_scheduler_log_store_error(struct mtasts_scheduler *scheduler,
                                                    enum mtasts_status status) {
  int error = errno;
  /* The store itself logs that it is full or nearly full. */
  if (status == MTASTS_OK || status == MTASTS_FULL || is_checked_still(scheduler))
    return status;
  mtasts_count(scheduler->stats, MTASTS_COUNT_STORE_FAILURES);
  if (mtasts_ratelimit(&scheduler->store_error_log, LOG_EVERY_MS))
    mtasts_log(MTASTS_LOG_WARNING, "the cache fails, and its present contents stay in use: %s",
               mtasts_env_reason(status, error));
  return status;
}

static enum mtasts_status commit(struct mtasts_scheduler *scheduler) {
  enum mtasts_status status =
      mtasts_scheduler_log_store_error(scheduler, mtasts_store_flush(scheduler->store));
  finish_batch(scheduler, status);
  return status;
}

static void on_commit(evutil_socket_t fd, short what, void *context) {
  struct mtasts_scheduler *scheduler = context;
  (void)fd;
  (void)what;
  commit(scheduler);
  mtasts_scheduler_start(scheduler);
}

/* Writes at most `max` unstored results to the store, as if they had just finished. */
static size_t put_again(struct mtasts_scheduler *scheduler, size_t max) {
  struct mtasts_task *task = TAILQ_FIRST(&scheduler->tasks.lists[MTASTS_TASK_UNSTORED]);
  struct mtasts_task *next;
  size_t count = 0;
  for (; task && count < max; task = next) {
    struct mtasts_entry entry;
    next = TAILQ_NEXT(task, link);
    if (!task->value || mtasts_entry_decode(task->value, task->value_size, &entry) != MTASTS_OK) {
      mtasts_tasks_remove(&scheduler->tasks, task); /* there was no memory to keep the result */
      continue;
    }
    enum mtasts_status status = mtasts_scheduler_log_store_error(
        scheduler, mtasts_store_put(scheduler->store, &task->domain, &entry, scheduler->net.now()));
    if (status == MTASTS_OK) {
      mtasts_tasks_move(&scheduler->tasks, task, MTASTS_TASK_UNCOMMITTED);
      count++;
    }
    if (mtasts_store_pending(scheduler->store) == 0)
      finish_batch(scheduler, status); /* that one has made a group full */
    if (status != MTASTS_OK)
      break;
  }
  return count;
}

void mtasts_scheduler_store_again(struct mtasts_scheduler *scheduler) {
  if (scheduler->tasks.counts[MTASTS_TASK_UNSTORED] > 0 && put_again(scheduler, 1) == 1 &&
      commit(scheduler) == MTASTS_OK && put_again(scheduler, UNSTORED_MAX) > 0)
    commit(scheduler);
}

void mtasts_scheduler_commit_soon(struct mtasts_scheduler *scheduler) {
  const struct timeval wait = {.tv_usec = COMMIT_MS * 1000};
  if (mtasts_store_pending(scheduler->store) > 0 && !evtimer_pending(scheduler->commit, NULL))
    evtimer_add(scheduler->commit, &wait);
}

/* requests */

static size_t in_wait(const struct mtasts_scheduler *scheduler) {
  const size_t *counts = scheduler->tasks.counts;
  return counts[MTASTS_TASK_QUEUED] + counts[MTASTS_TASK_QUEUED_NETWORK] +
         counts[MTASTS_TASK_QUEUED_BACKGROUND] + counts[MTASTS_TASK_DELAYED];
}

bool mtasts_scheduler_has_room(const struct mtasts_scheduler *scheduler, bool waited) {
  const size_t *counts = scheduler->tasks.counts;
  if (!waited && counts[MTASTS_TASK_QUEUED_BACKGROUND] >= MTASTS_NET_WAITING_MAX / 2)
    return false;
  return in_wait(scheduler) < MTASTS_NET_WAITING_MAX;
}

static bool waits(const struct mtasts_task *task) {
  return task->list == MTASTS_TASK_QUEUED || task->list == MTASTS_TASK_QUEUED_NETWORK ||
         task->list == MTASTS_TASK_QUEUED_BACKGROUND;
}

enum mtasts_status mtasts_scheduler_request(struct mtasts_scheduler *scheduler,
                                            const struct mtasts_domain *domain,
                                            enum mtasts_job_kind kind, enum mtasts_urgency urgency,
                                            struct mtasts_job *job) {
  struct mtasts_task *task = mtasts_tasks_find(&scheduler->tasks, domain);
  bool kept = task && task->list == MTASTS_TASK_UNSTORED;
  if ((!task || kept) &&
      !mtasts_scheduler_has_room(scheduler, urgency != MTASTS_URGENCY_BACKGROUND))
    return MTASTS_FULL;
  if (kept)
    mtasts_tasks_move(&scheduler->tasks, task, check_slow_at(urgency));
  if (!task && !(task = mtasts_tasks_add(&scheduler->tasks, domain, check_slow_at(urgency))))
    return MTASTS_NO_MEMORY;
  bool in_time = waits(task) || task->serves >= kind;
  mtasts_task_demand_add(in_time ? &task->demand : &task->next, kind, urgency, job);
  if (waits(task) && task->list != check_slow_at(task->demand.urgency))
    mtasts_tasks_move(&scheduler->tasks, task, check_slow_at(task->demand.urgency));
  return MTASTS_OK;
}

/* tasks */

const struct mtasts_entry *mtasts_scheduler_cached(struct mtasts_scheduler *scheduler,
                                                   const struct mtasts_domain *domain,
                                                   struct mtasts_entry *entry) {
  enum mtasts_status status = mtasts_reader_get(scheduler->reader, domain, entry);
  if (status != MTASTS_OK) {
    mtasts_count_read(scheduler->stats, status);
    return NULL;
  }
  mtasts_discover_apply_settings(&scheduler->net.settings, entry);
  return entry;
}

void mtasts_scheduler_set_due(struct mtasts_scheduler *scheduler,
                              const struct mtasts_domain *domain,
                              const struct mtasts_entry *entry) {
  int64_t due =
      mtasts_discover_look_again_at(&scheduler->net.settings, entry, scheduler->net.now());
  if (due < INT64_MAX && mtasts_usage_filter_in_use(scheduler->usage, domain))
    mtasts_due_queue_set(scheduler->due_queue, domain, due);
  else
    mtasts_due_queue_drop(scheduler->due_queue, domain);
}

static void finished(void *context, const struct mtasts_discovery *discovery) {
  struct mtasts_task *task = context;
  struct mtasts_scheduler *scheduler = task->owner;
  const struct mtasts_entry *entry = &discovery->entry;
  const struct mtasts_lookup_log change = {.domain = &task->domain,
                                           .before = &task->before,
                                           .discovery = discovery,
                                           .waited = task->demand.waited,
                                           .now = scheduler->net.now()};
  enum mtasts_status status = MTASTS_OK;
  mtasts_lookup_log_write(&change, scheduler->stats);
  mtasts_scheduler_set_due(scheduler, &task->domain, entry);
  keep_answer(task, entry, discovery->freshness);
  if (discovery->changed)
    status = mtasts_scheduler_log_store_error(
        scheduler, mtasts_store_put(scheduler->store, &task->domain, entry, change.now));
  bool pending = discovery->changed && status == MTASTS_OK;
  if (discovery->changed)
    task->unstored = !pending;
  bool urgent = discovery->urgent;
  mtasts_tasks_move(&scheduler->tasks, task, MTASTS_TASK_UNCOMMITTED);
  mtasts_task_slots_leave(scheduler, task);
  if (!pending)
    mtasts_scheduler_finish(scheduler, task, MTASTS_OK);
  if (mtasts_store_pending(scheduler->store) == 0)
    finish_batch(scheduler, status); /* that one has made a group full */
  else if (urgent || mtasts_task_slots_taken(scheduler) == 0)
    commit(scheduler); /* nothing to wait for: its group is complete */
  else
    mtasts_scheduler_commit_soon(scheduler);
  mtasts_scheduler_start(scheduler);
}

/* Is the known entry good enough to answer without a look-up? */
static bool is_enough(const struct mtasts_discover_settings *settings,
                      const struct mtasts_task *task, const struct mtasts_entry *cached,
                      int64_t now) {
  if (task->demand.kind == MTASTS_JOB_REFRESH)
    return false;
  if (task->demand.kind == MTASTS_JOB_RECHECK)
    return now >= cached->checked && now - cached->checked < MTASTS_RECHECK_EVERY;
  return mtasts_discover_due(settings, cached, now) == 0;
}

/*
 * A background refresh had to wait in the queue. A look-up that ran meanwhile may have done its
 * work, or failed; then the policy host must not be asked before the next try (RFC 8461 section
 * 3.3). A refresh that a request asks for is always made.
 */
static bool is_done_already(const struct mtasts_scheduler *scheduler,
                            const struct mtasts_task *task, const struct mtasts_entry *cached,
                            int64_t now) {
  return task->demand.kind == MTASTS_JOB_REFRESH && STAILQ_EMPTY(&task->demand.jobs) &&
         !mtasts_discover_refresh_due(&scheduler->net.settings, cached, now);
}

/* The most that this look-up can do for jobs that join it: if it asks for the record at all, it
 * also serves a recheck. */
static enum mtasts_job_kind service_of(const struct mtasts_scheduler *scheduler,
                                       const struct mtasts_task *task,
                                       const struct mtasts_entry *cached, int64_t now) {
  bool asks_txt =
      !cached || mtasts_discover_due(&scheduler->net.settings, cached, now) & MTASTS_NEED_TXT;
  return task->demand.kind == MTASTS_JOB_LOOK_UP && asks_txt ? MTASTS_JOB_RECHECK
                                                             : task->demand.kind;
}

/* The net to look the domain up with: without DANE, if an override says so. */
static const struct mtasts_net *net_for(struct mtasts_scheduler *scheduler,
                                        const struct mtasts_domain *domain, int64_t now) {
  const struct mtasts_override *override =
      scheduler->config ? mtasts_config_override_at(scheduler->config, domain, now) : NULL;
  if (!override || !override->dane_off)
    return &scheduler->net;
  scheduler->without_dane = scheduler->net;
  scheduler->without_dane.validator = NULL;
  scheduler->without_dane.settings.dane = false;
  return &scheduler->without_dane;
}

/* Reads the domain's unstored result, if there is one; else the cached entry. */
static enum mtasts_status read_cached(struct mtasts_scheduler *scheduler,
                                      const struct mtasts_task *task, struct mtasts_entry *entry) {
  if (task->value && mtasts_entry_decode(task->value, task->value_size, entry) == MTASTS_OK)
    return MTASTS_OK;
  enum mtasts_status status = mtasts_reader_get(scheduler->reader, &task->domain, entry);
  if (status != MTASTS_OK)
    mtasts_count_read(scheduler->stats, status);
  return status;
}

/* Begins a task that is running already. */
static void start(struct mtasts_scheduler *scheduler, struct mtasts_task *task) {
  struct mtasts_entry entry;
  enum mtasts_status read = read_cached(scheduler, task, &entry);
  const struct mtasts_entry *cached = read == MTASTS_OK ? &entry : NULL;
  int64_t now = scheduler->net.now();
  /* A cache that cannot be read may hold a policy. A result that was learnt without knowing it must
   * not replace it (RFC 8461 section 5.1). A damaged or absent entry is no policy. */
  if (read != MTASTS_OK && read != MTASTS_ABSENT && read != MTASTS_CORRUPT) {
    mtasts_scheduler_finish(scheduler, task, read);
    return;
  }
  const struct mtasts_net *net = net_for(scheduler, &task->domain, now);
  if (cached)
    mtasts_discover_apply_settings(&net->settings, &entry);
  if (cached && is_done_already(scheduler, task, cached, now))
    task->demand.kind = MTASTS_JOB_LOOK_UP;
  if (cached && is_enough(&net->settings, task, cached, now)) {
    keep_answer(task, cached, MTASTS_CACHED);
    mtasts_scheduler_finish(scheduler, task, MTASTS_OK);
    return;
  }
  task->before = cached ? entry : (struct mtasts_entry){.has_policy = false};
  if (task->demand.kind == MTASTS_JOB_RECHECK) {
    mtasts_count(scheduler->stats, MTASTS_COUNT_RECHECKS);
    entry.next_check = 0;
  }
  task->serves = service_of(scheduler, task, cached, now);
  const struct mtasts_lookup_options options = {
      .net = net,
      .base = scheduler->base,
      .domain = &task->domain,
      .cached = cached,
      .forced = task->demand.kind == MTASTS_JOB_REFRESH,
      .done = finished,
      .context = task,
  };
  if (mtasts_lookup_start(&options, &task->lookup) != MTASTS_OK)
    mtasts_scheduler_finish(scheduler, task, MTASTS_NO_MEMORY);
}

static void start_queued(struct mtasts_scheduler *scheduler, enum mtasts_task_list from,
                         enum mtasts_task_list to) {
  struct mtasts_tasks *tasks = &scheduler->tasks;
  size_t share = scheduler->in_flight / 4 > 0 ? scheduler->in_flight / 4 : 1;
  struct mtasts_task *task;
  while ((task = mtasts_tasks_next(tasks, from, share))) {
    if (!mtasts_task_slots_find(scheduler, to))
      break;
    mtasts_tasks_move(tasks, task, to);
    task->since = mtasts_clock_coarse_ms();
    start(scheduler, task);
  }
}

static void on_slow(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  mtasts_scheduler_start(context);
}

void mtasts_scheduler_start(struct mtasts_scheduler *scheduler) {
  mtasts_task_slots_go(scheduler);
  start_queued(scheduler, MTASTS_TASK_QUEUED, MTASTS_TASK_RUNNING);
  start_queued(scheduler, MTASTS_TASK_QUEUED_NETWORK, MTASTS_TASK_RUNNING_NETWORK);
  start_queued(scheduler, MTASTS_TASK_QUEUED_BACKGROUND, MTASTS_TASK_RUNNING_BACKGROUND);
  mtasts_count_set(scheduler->stats, MTASTS_COUNT_IN_FLIGHT, mtasts_task_slots_taken(scheduler));
  mtasts_count_set(scheduler->stats, MTASTS_COUNT_WAITING, in_wait(scheduler));
}

enum mtasts_status mtasts_scheduler_store_changed(struct mtasts_scheduler *scheduler,
                                                  const struct mtasts_domain *domain) {
  enum mtasts_status status = commit(scheduler);
  struct mtasts_task *task = mtasts_tasks_find(&scheduler->tasks, domain);
  if (task) {
    forget_answer(task);
    send_to_front(scheduler, task);
    if (task->list == MTASTS_TASK_UNSTORED) {
      mtasts_tasks_remove(&scheduler->tasks, task);
      return status;
    }
  }
  if (task && task->lookup) {
    mtasts_task_slots_leave(scheduler, task);
    start(scheduler, task);
  }
  return status;
}

static const enum mtasts_task_list running[] = {MTASTS_TASK_RUNNING, MTASTS_TASK_RUNNING_NETWORK,
                                                MTASTS_TASK_RUNNING_BACKGROUND,
                                                MTASTS_TASK_RUNNING_SLOW};

void mtasts_scheduler_abort(struct mtasts_scheduler *scheduler) {
  struct mtasts_task *task;
  /* Delayed tasks hold no slot in which they could begin again, and they may be many. */
  while ((task = TAILQ_FIRST(&scheduler->tasks.lists[MTASTS_TASK_DELAYED]))) {
    mtasts_task_slots_leave(scheduler, task);
    mtasts_tasks_move(&scheduler->tasks, task, check_slow_at(task->demand.urgency));
  }
  for (size_t i = 0; i < sizeof running / sizeof *running; i++)
    TAILQ_FOREACH(task, &scheduler->tasks.lists[running[i]], link) {
      /* cppcheck-suppress uninitvar */
      mtasts_task_slots_leave(scheduler, task);
    }
}

void mtasts_scheduler_resume(struct mtasts_scheduler *scheduler) {
  struct mtasts_task *next;
  for (size_t i = 0; i < sizeof running / sizeof *running; i++)
    for (struct mtasts_task *task = TAILQ_FIRST(&scheduler->tasks.lists[running[i]]); task;
         task = next) {
      next = TAILQ_NEXT(task, link);
      task->since = mtasts_clock_coarse_ms();
      start(scheduler, task);
    }
  mtasts_scheduler_start(scheduler);
}

/* the end */

void mtasts_scheduler_clear(struct mtasts_scheduler *scheduler) {
  commit(scheduler);
  for (struct mtasts_task *task; (task = mtasts_tasks_any(&scheduler->tasks));) {
    mtasts_task_slots_leave(scheduler, task);
    answer_all(scheduler, task, &task->demand, MTASTS_TIMEOUT);
    answer_all(scheduler, task, &task->next, MTASTS_TIMEOUT);
    mtasts_tasks_remove(&scheduler->tasks, task);
  }
}

void mtasts_scheduler_close(struct mtasts_scheduler *scheduler) {
  if (scheduler->commit) {
    mtasts_scheduler_clear(scheduler);
    event_free(scheduler->commit);
    if (scheduler->slow_timer)
      event_free(scheduler->slow_timer);
  }
  mtasts_reader_free(scheduler->reader);
  mtasts_due_queue_free(scheduler->due_queue);
}
