/*
 * cache_open.h: how mtastsd opens its cache at its start.
 *
 * A file whose writer closed it in order (clean_shutdown.h), or a small one, which is checked at
 * once, is open when this returns. Any other is read page by page at first, and checked behind the
 * first answers (cache_check.h). A damaged one is moved aside and salvaged.
 */
#ifndef MTASTS_CACHE_OPEN_H
#define MTASTS_CACHE_OPEN_H

#include "daemon_main.h"
#include "salvage.h"
#include "stats.h"
#include "usage_filter.h"

/* Lives as long as the store. */
struct mtasts_cache_opening {
  struct mtasts_daemon_main *program;
  const struct mtasts_config *config; /* at the start */
  struct mtasts_usage_filter *usage;
  struct mtasts_stats *stats;
  struct mtasts_store *store; /* the outcome */
};

/* Waits for a tool that is just writing. Returns EX_OK, or an exit code and has said why. */
int mtasts_cache_open_writer(struct mtasts_cache_opening *opening);

/* Counts a damaged cache, and logs what came of it. */
void mtasts_cache_log_salvaged(struct mtasts_stats *stats, const char *directory,
                               const struct mtasts_salvaged *salvaged);

#endif
