/*
 * cache_access.h: a command's access to the cache: the configuration and the cache directory.
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
  unsigned plan; /* set before loading: what else the command is going to do (identity.h) */
  struct mtasts_config *config;
  const char *directory; /* the cache directory as the user named it; NULL: not loaded */
  const char *ca_file;   /* trusted certificates, as the user named them; NULL: the system's */
  struct mtasts_identity identity;
  bool named;                 /* the user named the cache by --cache or --config */
  bool creating;              /* the last attempt to open it would have created it */
  struct mtasts_store *store; /* NULL: nothing is written */
  struct mtasts_cache *cache; /* NULL: no cache; the store's, if a store is open */
};

/* Renames a damaged data.mdb, and opens a new cache with all that could be read of it. */
enum mtasts_status mtasts_cache_access_recover(struct mtasts_cache_access *access,
                                               struct mtasts_salvaged *salvaged);

enum mtasts_cache_access_mode {
  MTASTS_CACHE_ACCESS_READ,
  MTASTS_CACHE_ACCESS_CHANGE, /* write an existing cache */
  MTASTS_CACHE_ACCESS_CREATE, /* write, and create the cache if it is missing */
};

/* Loads the configuration and gives up root (identity.h). Call it before the cache or the network
 * is opened, and after root has opened all else. If it is loaded already, it stays as it is. On
 * failure it prints an error and returns an exit code. */
int mtasts_cache_access_load(const struct mtasts_options *options,
                             enum mtasts_cache_access_mode wanted,
                             struct mtasts_cache_access *access);

/* The paths by which to open the cache directory and the certificates; the latter may be NULL. */
const char *mtasts_cache_access_path(const struct mtasts_cache_access *access);
const char *mtasts_cache_access_ca_file(const struct mtasts_cache_access *access);

/* Opens the cache to read it, or to write it (which creates it if it is missing). */
enum mtasts_status mtasts_cache_access_read(struct mtasts_cache_access *access);
enum mtasts_status mtasts_cache_access_write(struct mtasts_cache_access *access);

/* Loads, unless that is done, and opens the cache, for a command that works on the cache alone. On
 * failure it prints an error and returns an exit code. The caller must close the access in both
 * cases. */
int mtasts_cache_access_open(const struct mtasts_options *options,
                             enum mtasts_cache_access_mode wanted,
                             struct mtasts_cache_access *access);

/* Prints the fault of the cache, by the status and its errno, and a remedy; returns the exit code.
 */
int mtasts_cache_access_print_error(const struct mtasts_cache_access *access,
                                    enum mtasts_status status);

/* Like mtasts_cache_access_close, but closes only the cache; the configuration stays loaded. */
int mtasts_cache_access_close_cache(struct mtasts_cache_access *access, int code);

/*
 * Commits and closes what is open. Returns `code`. If that is MTASTS_EXIT_OK and the commit fails,
 * it prints an error and returns another code.
 */
int mtasts_cache_access_close(struct mtasts_cache_access *access, int code);

#endif
