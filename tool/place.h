/*
 * place.h: where a command works: the configuration and the cache directory.
 */
#ifndef MTASTS_TOOL_PLACE_H
#define MTASTS_TOOL_PLACE_H

#include "command.h"
#include "config.h"
#include "discover.h"
#include "identity.h"
#include "salvage.h"
#include "store.h"

struct mtasts_place {
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
enum mtasts_status mtasts_place_recover(struct mtasts_place *place,
                                        struct mtasts_salvaged *salvaged);

enum mtasts_access_wanted {
  MTASTS_READ,
  MTASTS_CHANGE, /* write a cache that is there */
  MTASTS_CREATE, /* write, and create it where it is missing */
};

/* Loads the configuration and gives up root (identity.h): before the cache or the network is
 * opened, and after all else that root is to open. A place that is loaded stays as it is. Complains
 * and returns an exit code on failure. */
int mtasts_place_load(const struct mtasts_options *options, enum mtasts_access_wanted wanted,
                      struct mtasts_place *place);

/* By which the directory and the certificates are opened; the latter may be NULL. */
const char *mtasts_place_path(const struct mtasts_place *place);
const char *mtasts_place_ca_file(const struct mtasts_place *place);

/* Opens the cache to read it, or to write it (which creates it where it is missing). */
enum mtasts_status mtasts_place_read(struct mtasts_place *place);
enum mtasts_status mtasts_place_write(struct mtasts_place *place);

/* Loads the place, unless it is loaded, and opens the cache, for a command that works on
 * the cache alone. Complains and returns an exit code on failure; the place is to be closed
 * either way. */
int mtasts_place_open(const struct mtasts_options *options, enum mtasts_access_wanted wanted,
                      struct mtasts_place *place);

/* Says what is wrong with the cache, by the status and the errno that came with it, and what to do;
 * returns the exit code. */
int mtasts_place_complain(const struct mtasts_place *place, enum mtasts_status status);

/* The same, of the cache alone: the place stays loaded. */
int mtasts_place_close_cache(struct mtasts_place *place, int code);

/*
 * Commits and closes what is open. Returns code, or where that is MTASTS_EXIT_OK and the
 * commit fails, another after complaining.
 */
int mtasts_place_close(struct mtasts_place *place, int code);

#endif
