/*
 * census.h: how many cached policies are of which mode, fail, near their end, and how old the
 * oldest is. A count needs a walk through the cache, so it is made in small steps: a small cache is
 * counted in each, a million domains in twenty minutes of them. No step reads for longer than a few
 * milliseconds, and it costs the loops nothing: it reads beside them.
 */
#ifndef MTASTS_CENSUS_H
#define MTASTS_CENSUS_H

#include "use.h"
#include "walk.h"

enum {
  MTASTS_CENSUS_STEP = 4096, /* policies */
};

/* What a round through the policies has come to. */
struct mtasts_tally {
  struct mtasts_cache_stats stats;
  int64_t oldest; /* when the policy in use that nobody has fetched for longest was fetched; of
                     those that govern, but for mode none; 0: there are none */
  int64_t taken;  /* when the round ended; 0: never */
};

struct mtasts_census {
  struct mtasts_cache *cache;
  const struct mtasts_use *use;
  struct mtasts_tally last; /* of the last whole round */

  struct mtasts_tally round;
  struct mtasts_walk_place place;
};

/* A step. A cache that cannot be read is tried again with the next one. */
void mtasts_census_move(struct mtasts_census *census, int64_t now);

#endif
