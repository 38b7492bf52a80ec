#include "snapshot.h"

#include <stdlib.h>

struct mtasts_snapshot *mtasts_snapshot_new(struct mtasts_config *config) {
  struct mtasts_snapshot *made = malloc(sizeof *made);
  if (!made)
    return NULL;
  made->config = config;
  atomic_init(&made->references, 1);
  return made;
}

struct mtasts_snapshot *mtasts_snapshot_ref(struct mtasts_snapshot *snapshot) {
  atomic_fetch_add(&snapshot->references, 1);
  return snapshot;
}

void mtasts_snapshot_unref(struct mtasts_snapshot *snapshot) {
  if (!snapshot || atomic_fetch_sub(&snapshot->references, 1) > 1)
    return;
  mtasts_config_free(snapshot->config);
  free(snapshot);
}
