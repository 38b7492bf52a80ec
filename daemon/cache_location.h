/*
 * cache_location.h: is the cache still where the configuration says? A directory that is renamed or
 * removed stays open: mtastsd goes on in it, and its neighbours find nothing there.
 *
 * For one thread: that of main.c.
 */
#ifndef MTASTS_DAEMON_CACHE_LOCATION_H
#define MTASTS_DAEMON_CACHE_LOCATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

struct mtasts_cache_location {
  const char *directory; /* of the configuration; NULL: nothing was noted yet */
  dev_t device;          /* of data.mdb, with inode */
  ino_t inode;
  bool lost;                   /* at the last check */
  const atomic_uint *replaced; /* changes when we put another file there ourselves; NULL: never */
  unsigned noted;              /* of it, when the file was noted */
};

/* To be called when the cache has been opened. The directory's name is kept, and `replaced`. */
void mtasts_cache_location_set(struct mtasts_cache_location *location, const char *directory,
                               const atomic_uint *replaced);

/* Looks again, and logs a change. */
void mtasts_cache_location_check(struct mtasts_cache_location *location);

#endif
