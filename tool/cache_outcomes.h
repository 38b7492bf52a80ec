/*
 * cache_outcomes.h: what `mtasts cache stats` tells of the store of outcomes.
 */
#ifndef MTASTS_TOOL_CACHE_OUTCOMES_H
#define MTASTS_TOOL_CACHE_OUTCOMES_H

#include <jansson.h>

#include "cache_access.h"
#include "outcome_store.h"

struct mtasts_cache_outcomes {
  bool found; /* there is a store, and it can be read; else the rest is unset */
  struct mtasts_outcome_stats stats;
  uint64_t max_size;
};

/* Reads the store of an open cache's configuration. If there is one and it cannot be read, prints
 * why. */
void mtasts_cache_outcomes_read(const struct mtasts_options *options,
                                const struct mtasts_cache_access *access,
                                struct mtasts_cache_outcomes *outcomes);

/* null if there is no store. */
json_t *mtasts_cache_outcomes_json(const struct mtasts_cache_outcomes *outcomes);
void mtasts_cache_outcomes_print(const struct mtasts_cache_outcomes *outcomes);

#endif
