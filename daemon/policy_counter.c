#include "policy_counter.h"

struct step {
  struct mtasts_policy_counter *counter;
  int64_t now;
};

static bool visit(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                  const struct mtasts_entry *entry) {
  const struct step *step = context;
  struct mtasts_policy_counts *round = &step->counter->round;
  if (status != MTASTS_OK)
    return true;
  mtasts_cache_stats_add(&round->stats, entry, step->now);
  if (mtasts_entry_live(entry, step->now) && entry->policy.mode != MTASTS_MODE_NONE &&
      (round->oldest == 0 || entry->fetched < round->oldest) &&
      mtasts_usage_filter_in_use(step->counter->usage, domain))
    round->oldest = entry->fetched;
  return true;
}

void mtasts_policy_counter_step(struct mtasts_policy_counter *counter, int64_t now) {
  struct step step = {counter, now};
  bool end;
  const struct mtasts_walk_step walk = {
      .part = MTASTS_WALK_POLICIES,
      .max = MTASTS_POLICY_COUNTER_STEP,
      .visit = visit,
      .context = &step,
  };
  if (mtasts_cache_walk_from(counter->cache, &walk, &counter->position, &end) != MTASTS_OK || !end)
    return;
  counter->round.taken = now;
  counter->last = counter->round;
  counter->round = (struct mtasts_policy_counts){.taken = 0};
}
