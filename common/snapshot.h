/*
 * snapshot.h: the configuration that is in force, shared by the threads and never changed.
 * A reload makes another; each loop swaps its own reference when it is told to.
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

/* The last one to let go frees it. NULL is fine. */
void mtasts_snapshot_unref(struct mtasts_snapshot *snapshot);

#endif
