/*
 * outcome_access.h: a command's access to the store of outcomes: the configuration and the store.
 */
#ifndef MTASTS_TOOL_OUTCOME_ACCESS_H
#define MTASTS_TOOL_OUTCOME_ACCESS_H

#include <limits.h>

#include "command.h"
#include "config.h"
#include "identity.h"
#include "outcome_store.h"

struct mtasts_outcome_access {
  struct mtasts_config *config;
  char directory[PATH_MAX]; /* of the store */
  unsigned plan;            /* what else the command does (identity.h); set before it opens */
  const char *ca_file;      /* likewise: certificates that it reads later, or NULL */
  struct mtasts_identity identity;
  struct mtasts_outcome_store *store; /* NULL: nothing was recorded yet */
};

/* The directory of the store: --cache DIR names it as well, unless `outcome.directory` is set.
 * False: the path is too long. */
bool mtasts_outcome_access_directory(const struct mtasts_options *options,
                                     const struct mtasts_config *config, char *out, size_t size);

/* Loads the configuration. On failure prints an error and returns an exit code. */
int mtasts_outcome_access_load(const struct mtasts_options *options,
                               struct mtasts_outcome_access *access);

/* Gives up root (identity.h), and opens the store. READ: without a store `store` stays NULL, and
 * that is no failure. On failure prints an error and returns an exit code. */
int mtasts_outcome_access_open(struct mtasts_outcome_access *access,
                               enum mtasts_outcome_access_mode mode);

/* Opens the store of that path; waits if another process checks its pages. Sets errno. */
enum mtasts_status mtasts_outcome_access_open_at(struct mtasts_outcome_access *access,
                                                 const char *path,
                                                 enum mtasts_outcome_access_mode mode);

/* Prints what failed in the store; returns the exit code. */
int mtasts_outcome_access_print_error(const struct mtasts_outcome_access *access,
                                      enum mtasts_status status);

/* Returns code. */
int mtasts_outcome_access_close(struct mtasts_outcome_access *access, int code);

/* The UTC day that --day names; yesterday if text is NULL. False: no such date, and an error is
 * printed. */
bool mtasts_outcome_access_day(const char *text, uint32_t *day);

#endif
