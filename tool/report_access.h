/*
 * report_access.h: what the commands that send this site's own reports share: the site, and the
 * store of outcomes.
 */
#ifndef MTASTS_TOOL_REPORT_ACCESS_H
#define MTASTS_TOOL_REPORT_ACCESS_H

#include "build.h"
#include "outcome_access.h"

struct mtasts_report_access {
  struct mtasts_outcome_access outcomes;
  struct mtasts_report_site site;
  const char *ca_file; /* trusted certificates; NULL: the system's */
  char host[256];      /* this machine's name */
};

enum mtasts_report_use {
  MTASTS_REPORT_USE_READ, /* read the store */
  MTASTS_REPORT_USE_SEND, /* write states, and run sendmail */
  MTASTS_REPORT_USE_MAIL, /* run sendmail; the store is not used */
};

/*
 * Loads the configuration and checks that it names the site, gives up root, and opens the store if
 * there is one. On failure it prints an error and returns an exit code. The caller closes the
 * access in both cases.
 */
int mtasts_report_access_open(const struct mtasts_options *options, enum mtasts_report_use use,
                              struct mtasts_report_access *access);

/* Returns code. */
int mtasts_report_access_close(struct mtasts_report_access *access, int code);

/* A path to the directory of the store. */
const char *mtasts_report_access_path(const struct mtasts_report_access *access);

#endif
