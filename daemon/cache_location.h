/*
 * cache_location.h: is the cache still where the configuration says? If the directory is renamed or
 * removed, mtastsd still has it open and goes on using it, but other programs find no cache at the
 * configured path.
 *
 * For one thread: that of main.c.
 */
#ifndef MTASTS_DAEMON_CACHE_LOCATION_H
#define MTASTS_DAEMON_CACHE_LOCATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

struct mtasts_cache_location {
  const char *directory; /* of the configuration; NULL: not set yet */
  dev_t device;          /* of data.mdb, with inode */
  ino_t inode;
  bool lost;                   /* at the last check */
  const atomic_uint *replaced; /* changes when mtastsd itself replaces data.mdb; NULL: never */
  unsigned noted;              /* the value of *replaced when device and inode were taken */
};

/* To be called when the cache has been opened. The pointers directory and replaced are kept. */
void mtasts_cache_location_set(struct mtasts_cache_location *location, const char *directory,
                               const atomic_uint *replaced);

/* Checks the location, and logs a change. */
void mtasts_cache_location_check(struct mtasts_cache_location *location);

#endif
