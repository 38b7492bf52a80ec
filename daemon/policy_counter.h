/*
 * policy_counter.h: how many cached policies are of which mode, fail, near their end, and how old
 * the oldest is. A count needs a walk through the cache, so it is made in small steps: a small
 * cache is counted in each, a million domains in twenty minutes of them. No step reads for longer
 * than a few milliseconds, and it costs the loops nothing: it reads beside them.
 */
#ifndef MTASTS_POLICY_COUNTER_H
#define MTASTS_POLICY_COUNTER_H

#include "usage_filter.h"
#include "walk.h"

enum {
  MTASTS_POLICY_COUNTER_STEP = 4096, /* policies */
};

/* What a round through the policies has come to. */
struct mtasts_policy_counts {
  struct mtasts_cache_stats stats;
  int64_t oldest; /* when the policy in use that nobody has fetched for longest was fetched; of
                     those that govern, but for mode none; 0: there are none */
  int64_t taken;  /* when the round ended; 0: never */
};

struct mtasts_policy_counter {
  struct mtasts_cache *cache;
  const struct mtasts_usage_filter *usage;
  struct mtasts_policy_counts last; /* of the last whole round */

  struct mtasts_policy_counts round;
  struct mtasts_walk_position position;
};

/* A step. A cache that cannot be read is tried again with the next one. */
void mtasts_policy_counter_step(struct mtasts_policy_counter *counter, int64_t now);

#endif
