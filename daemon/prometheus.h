/*
 * prometheus.h: writes all metrics of mtastsd for Prometheus (text format 0.0.4). Pure: values in,
 * text out. Base units: seconds and bytes. The names of counters that only grow end in _total.
 *
 * Only answers to cache misses are timed, so the histogram's count is the number of misses that
 * have been answered. For the share of all answers, divide a bucket by mtasts_requests_total.
 */
#ifndef MTASTS_PROMETHEUS_H
#define MTASTS_PROMETHEUS_H

#include "policy_counter.h"
#include "stats.h"

enum {
  MTASTS_PROMETHEUS_MAX = 16384, /* bytes; a scrape has about half as many */
};

struct mtasts_prometheus {
  const struct mtasts_stats *stats;
  const struct mtasts_cache_space *space;           /* NULL: the cache cannot be read */
  const struct mtasts_policy_counts *policy_counts; /* `taken` 0: not known yet, and left out */
  bool loop_up[MTASTS_LOOPS];
  bool healthy;
  bool monitor;          /* site_mode */
  uint64_t map_size_max; /* bytes */
  uint64_t lookups_max;  /* in flight */
  uint64_t overrides;    /* configured */
  int64_t started;       /* since the epoch */
  int64_t now;           /* likewise */
};

/* Returns the bytes written; 0 if size is too small. */
size_t mtasts_prometheus_write(const struct mtasts_prometheus *measures, char *out, size_t size);

#endif
