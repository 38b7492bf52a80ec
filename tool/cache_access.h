/*
 * cache_access.h: where a command works: the configuration and the cache directory.
 */
#ifndef MTASTS_TOOL_CACHE_ACCESS_H
#define MTASTS_TOOL_CACHE_ACCESS_H

#include "command.h"
#include "config.h"
#include "discover.h"
#include "identity.h"
#include "salvage.h"
#include "store.h"

struct mtasts_cache_access {
  struct mtasts_config *config;
  const char *directory; /* of the cache, as it was named; NULL: the place is not loaded */
  const char *ca_file;   /* likewise, to be trusted; NULL: the system's */
  struct mtasts_identity identity;
  bool named;                 /* by --cache or --config, not just the default */
  bool creating;              /* the last to open it would have created it */
  struct mtasts_store *store; /* NULL: nothing is written */
  struct mtasts_cache *cache; /* NULL: no cache; the store's, where that is open */
};

/* Moves a damaged cache aside, and opens a new one with what could be read of it. */
enum mtasts_status mtasts_cache_access_recover(struct mtasts_cache_access *access,
                                               struct mtasts_salvaged *salvaged);

enum mtasts_cache_access_mode {
  MTASTS_CACHE_ACCESS_READ,
  MTASTS_CACHE_ACCESS_CHANGE, /* write a cache that is there */
  MTASTS_CACHE_ACCESS_CREATE, /* write, and create it where it is missing */
};

/* Loads the configuration and gives up root (identity.h): before the cache or the network is
 * opened, and after all else that root is to open. A place that is loaded stays as it is. Complains
 * and returns an exit code on failure. */
int mtasts_cache_access_load(const struct mtasts_options *options,
                             enum mtasts_cache_access_mode wanted,
                             struct mtasts_cache_access *access);

/* By which the directory and the certificates are opened; the latter may be NULL. */
const char *mtasts_cache_access_path(const struct mtasts_cache_access *access);
const char *mtasts_cache_access_ca_file(const struct mtasts_cache_access *access);

/* Opens the cache to read it, or to write it (which creates it where it is missing). */
enum mtasts_status mtasts_cache_access_read(struct mtasts_cache_access *access);
enum mtasts_status mtasts_cache_access_write(struct mtasts_cache_access *access);

/* Loads the place, unless it is loaded, and opens the cache, for a command that works on
 * the cache alone. Complains and returns an exit code on failure; the place is to be closed
 * either way. */
int mtasts_cache_access_open(const struct mtasts_options *options,
                             enum mtasts_cache_access_mode wanted,
                             struct mtasts_cache_access *access);

/* Says what is wrong with the cache, by the status and the errno that came with it, and what to do;
 * returns the exit code. */
int mtasts_cache_access_print_error(const struct mtasts_cache_access *access,
                                    enum mtasts_status status);

/* The same, of the cache alone: the place stays loaded. */
int mtasts_cache_access_close_cache(struct mtasts_cache_access *access, int code);

/*
 * Commits and closes what is open. Returns code, or where that is MTASTS_EXIT_OK and the
 * commit fails, another after complaining.
 */
int mtasts_cache_access_close(struct mtasts_cache_access *access, int code);

#endif
