/*
 * check_status.h: the first line of a command that a monitoring system reads, and its exit code
 * (the plugin guidelines of Nagios).
 */
#ifndef MTASTS_TOOL_CHECK_STATUS_H
#define MTASTS_TOOL_CHECK_STATUS_H

#include "check_run.h"
#include "out.h"

enum {
  MTASTS_CHECK_EXIT_OK = 0,
  MTASTS_CHECK_EXIT_WARNING = 1,
  MTASTS_CHECK_EXIT_CRITICAL = 2,
  MTASTS_CHECK_EXIT_UNKNOWN = 3,
};

/* The worst of all domains. */
int mtasts_check_exit(const struct mtasts_check_results *results);

/* Prints "MTA-STS CRITICAL - example.com: 2 errors, 1 warning". If standard output is no terminal,
 * ids and performance data follow. seconds: how long the check took. */
void mtasts_check_first_line(const struct mtasts_domain *domains,
                             const struct mtasts_check_results *results, double seconds);

/* What keeps such a command from its work: prints "MTA-STS UNKNOWN - why" with the error that was
 * printed last, unless the output is JSON. Returns the exit code. */
int mtasts_check_unusable(bool json);

/* "ok", "warning", "error", "unknown": the status of one domain. */
const char *mtasts_check_status(const struct mtasts_findings *findings);

enum mtasts_colour mtasts_severity_colour(enum mtasts_severity severity);

/* Writes text to standard output, with "|" escaped unless that is a terminal; and the columns that
 * it takes. All texts are ASCII: else a byte is a column. */
void mtasts_check_put(const char *text, size_t len);
size_t mtasts_check_columns(const char *text, size_t len);

#endif
