#include "census.h"

struct step {
  struct mtasts_census *census;
  int64_t now;
};

static bool visit(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                  const struct mtasts_entry *entry) {
  const struct step *step = context;
  struct mtasts_tally *round = &step->census->round;
  if (status != MTASTS_OK)
    return true;
  mtasts_cache_stats_add(&round->stats, entry, step->now);
  if (mtasts_entry_live(entry, step->now) && entry->policy.mode != MTASTS_MODE_NONE &&
      (round->oldest == 0 || entry->fetched < round->oldest) &&
      mtasts_use_known(step->census->use, domain))
    round->oldest = entry->fetched;
  return true;
}

void mtasts_census_move(struct mtasts_census *census, int64_t now) {
  struct step step = {census, now};
  bool end;
  const struct mtasts_walk_step walk = {
      .part = MTASTS_WALK_POLICIES,
      .most = MTASTS_CENSUS_STEP,
      .visit = visit,
      .context = &step,
  };
  if (mtasts_cache_walk_on(census->cache, &walk, &census->place, &end) != MTASTS_OK || !end)
    return;
  census->round.taken = now;
  census->last = census->round;
  census->round = (struct mtasts_tally){.taken = 0};
}
