#include "tick.h"

enum {
  DUE_BURST = 128,   /* domains of the due queue looked up in one tick */
  SAVE_AGAIN = 5000, /* milliseconds between tries to store unstored entries */
};

static bool do_action(void *context, const struct mtasts_domain *domain,
                      const struct mtasts_entry *entry, enum mtasts_sweep_action action) {
  struct mtasts_scheduler *scheduler = ((struct mtasts_tick *)context)->scheduler;
  switch (action) {
  case MTASTS_SWEEP_ACTION_NONE:
    if (entry->has_policy)
      mtasts_scheduler_set_due(scheduler, domain, entry);
    return true;
  case MTASTS_SWEEP_ACTION_REFRESH:
    return mtasts_scheduler_request(scheduler, domain, MTASTS_JOB_REFRESH,
                                    MTASTS_URGENCY_BACKGROUND, NULL) == MTASTS_OK;
  case MTASTS_SWEEP_ACTION_REMOVE:
    /* Not an entry that a look-up will replace, or has replaced without a commit yet. */
    return mtasts_tasks_find(&scheduler->tasks, domain) ||
           mtasts_store_drop(scheduler->store, domain) == MTASTS_OK;
  }
  return true;
}

bool mtasts_tick_open(struct mtasts_tick *tick, struct mtasts_scheduler *scheduler,
                      struct mtasts_usage_filter *usage) {
  const struct mtasts_refresh_sweep_options sweep = {scheduler->store, usage, do_action, tick};
  *tick = (struct mtasts_tick){
      .scheduler = scheduler, .usage = usage, .sweep = mtasts_refresh_sweep_new(&sweep)};
  return tick->sweep;
}

void mtasts_tick_close(struct mtasts_tick *tick) {
  mtasts_refresh_sweep_free(tick->sweep);
}

void mtasts_tick_recall(struct mtasts_tick *tick) {
  mtasts_refresh_sweep_recall(tick->sweep);
}

static void start_due(struct mtasts_scheduler *scheduler, int64_t now) {
  struct mtasts_domain domain;
  for (int i = 0; i < DUE_BURST && mtasts_scheduler_has_room(scheduler, false) &&
                  mtasts_due_queue_take(scheduler->due_queue, now, &domain);
       i++) {
    struct mtasts_entry entry;
    const struct mtasts_entry *cached = mtasts_scheduler_cached(scheduler, &domain, &entry);
    if (!cached || !cached->has_policy || !mtasts_usage_filter_in_use(scheduler->usage, &domain))
      continue;
    bool refresh = mtasts_discover_refresh_due(&scheduler->net.settings, cached, now);
    mtasts_scheduler_request(scheduler, &domain, refresh ? MTASTS_JOB_REFRESH : MTASTS_JOB_LOOK_UP,
                             MTASTS_URGENCY_BACKGROUND, NULL);
  }
}

void mtasts_tick_run(struct mtasts_tick *tick, int64_t now, uint64_t elapsed) {
  struct mtasts_scheduler *scheduler = tick->scheduler;
  mtasts_usage_filter_rotate(tick->usage, now);
  bool waits = mtasts_cache_waits(mtasts_store_cache(scheduler->store));
  if (!waits)
    mtasts_scheduler_log_store_error(
        scheduler, mtasts_refresh_sweep_move(tick->sweep, &scheduler->net.settings, elapsed, now));
  start_due(scheduler, now);
  if (!waits && mtasts_ratelimit(&tick->saved_again, SAVE_AGAIN))
    mtasts_scheduler_store_again(scheduler);
  mtasts_scheduler_commit_soon(scheduler);
  mtasts_scheduler_start(scheduler);
}
