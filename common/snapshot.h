/*
 * snapshot.h: a loaded configuration that threads share and never change. A reload makes a new
 * snapshot, and each loop replaces its own reference when it gets the message.
 */
#ifndef MTASTS_SNAPSHOT_H
#define MTASTS_SNAPSHOT_H

#include <stdatomic.h>

#include "config.h"

struct mtasts_snapshot {
  struct mtasts_config *config;
  atomic_uint references;
};

/* Takes over the configuration, with one reference. NULL: no memory, and the configuration is
 * still the caller's. */
struct mtasts_snapshot *mtasts_snapshot_new(struct mtasts_config *config);

struct mtasts_snapshot *mtasts_snapshot_ref(struct mtasts_snapshot *snapshot);

/* Drops a reference; the last one frees the snapshot. NULL is fine. */
void mtasts_snapshot_unref(struct mtasts_snapshot *snapshot);

#endif
