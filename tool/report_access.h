/*
 * report_access.h: what the commands about this site's own reports share: configuration, rights,
 * the site and the store of outcomes.
 */
#ifndef MTASTS_TOOL_REPORT_ACCESS_H
#define MTASTS_TOOL_REPORT_ACCESS_H

#include <limits.h>

#include "build.h"
#include "command.h"
#include "identity.h"
#include "outcome_store.h"

struct mtasts_report_access {
  struct mtasts_config *config;
  struct mtasts_report_site site;
  struct mtasts_identity identity;
  const char *ca_file;                /* trusted certificates; NULL: the system's */
  struct mtasts_outcome_store *store; /* NULL: nothing was ever recorded */
  char directory[PATH_MAX];           /* of the store */
  char host[256];                     /* this machine's name */
};

enum mtasts_report_use {
  MTASTS_REPORT_USE_READ, /* read the store */
  MTASTS_REPORT_USE_SEND, /* write states, and run sendmail */
  MTASTS_REPORT_USE_MAIL, /* run sendmail; the store is not opened */
};

/*
 * Loads the configuration and checks that it names the site, gives up root, and opens the store if
 * there is one. On failure it prints an error and returns an exit code. The caller closes the
 * access in both cases.
 */
int mtasts_report_access_open(const struct mtasts_options *options, enum mtasts_report_use use,
                              struct mtasts_report_access *access);
void mtasts_report_access_close(struct mtasts_report_access *access);

/* Prints the fault of the store; returns an exit code. */
int mtasts_report_access_print_error(const struct mtasts_report_access *access,
                                     enum mtasts_status status);

/* Reads --day into *day. text NULL: the day before `now`. False: not a date; it prints an error. */
bool mtasts_report_day_read(const char *text, int64_t now, uint32_t *day);

#endif
