/*
 * policy_counter.h: counts the cached policies: by mode, those that are failing, those near their
 * end, and the age of the oldest. A count needs a walk through the cache, so it is made in small
 * steps. One step counts a small cache; a million domains take twenty minutes. No step reads for
 * longer than a few milliseconds. The loops are not delayed, since the counter runs in another
 * thread.
 */
#ifndef MTASTS_POLICY_COUNTER_H
#define MTASTS_POLICY_COUNTER_H

#include "usage_filter.h"
#include "walk.h"

enum {
  MTASTS_POLICY_COUNTER_STEP = 4096, /* policies */
};

/* The result of one walk through the policies. */
struct mtasts_policy_counts {
  struct mtasts_cache_stats stats;
  int64_t oldest; /* when the policy in use that was not refreshed for longest was fetched; of live
                     policies, except mode none; 0: there are none */
  int64_t taken;  /* when the walk ended; 0: never */
};

struct mtasts_policy_counter {
  struct mtasts_cache *cache;
  const struct mtasts_usage_filter *usage;
  struct mtasts_policy_counts last; /* of the last complete walk */

  struct mtasts_policy_counts round;
  struct mtasts_walk_position position;
};

/* Makes one step. If the cache cannot be read, the next step tries again. */
void mtasts_policy_counter_step(struct mtasts_policy_counter *counter, int64_t now);

#endif
