/*
 * cache_open.h: how mtastsd opens its cache at its start.
 *
 * A file that its writer closed in order (clean_shutdown.h) is opened at once. A small file is
 * checked and then opened. Any other file is read page by page at first, and checked in the
 * background (cache_check.h). A damaged file is renamed. If it is small it is salvaged at once,
 * else in the background as well. The same holds for a salvage that an earlier process did not
 * complete.
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

/* Waits while a tool is writing. Returns EX_OK, or an exit code after logging why. */
int mtasts_cache_open_writer(struct mtasts_cache_opening *opening);

/* Counts and logs a damaged cache whose salvage begins in the background. */
void mtasts_cache_log_damaged(struct mtasts_stats *stats, const char *directory);

/* Logs what was salvaged. */
void mtasts_cache_log_salvaged(const char *directory, const struct mtasts_salvaged *salvaged);

#endif
