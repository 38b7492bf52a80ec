/*
 * override_log.h: log lines about the overrides of the configuration. Each one in force is logged
 * once, at the start or when a reload has changed it, and once more when its last day is over.
 */
#ifndef MTASTS_OVERRIDE_LOG_H
#define MTASTS_OVERRIDE_LOG_H

#include "config.h"

enum {
  MTASTS_OVERRIDE_LOG_MAX = 100, /* lines of one configuration; the rest is counted */
};

struct mtasts_override_log {
  int64_t seen; /* seconds since the epoch: what had ended by then is logged */
  int64_t next; /* when the next one ends; INT64_MAX: none does */
};

/* A configuration is now in force. before: the earlier one; NULL: at the start. */
void mtasts_override_log_configure(struct mtasts_override_log *overrides,
                                   const struct mtasts_config *config,
                                   const struct mtasts_config *before, int64_t now);

/* Logs the overrides that have ended by `now`. Costs one comparison if none has. */
void mtasts_override_log_tick(struct mtasts_override_log *overrides,
                              const struct mtasts_config *config, int64_t now);

#endif
