/*
 * report_check.h: checks the domains that failed in reports (check_run.h), and puts what is found
 * into the sums, for report/check_note.h.
 */
#ifndef MTASTS_TOOL_REPORT_CHECK_H
#define MTASTS_TOOL_REPORT_CHECK_H

#include "check_note.h"
#include "command.h"

struct mtasts_report_checked;

/*
 * Of the domains with a failure detail, MTASTS_REPORT_CHECK_MAX with most failures. It works in a
 * child, which gives up root; no memory of the check is read or written. Returns an exit code: 0
 * also if no domain could be judged, or if none failed. *checked must outlive the sums' use, and is
 * NULL after an error, which is printed.
 */
int mtasts_report_check(const struct mtasts_options *options, struct mtasts_sums *sums,
                        struct mtasts_report_checked **checked);
void mtasts_report_checked_free(struct mtasts_report_checked *checked);

#endif
