/*
 * show_csv.h: reports and their sums as CSV (RFC 4180), with a header line. A text that a
 * spreadsheet would take for a formula gets an apostrophe in front.
 */
#ifndef MTASTS_REPORT_SHOW_CSV_H
#define MTASTS_REPORT_SHOW_CSV_H

#include <stdio.h>

#include "show.h"
#include "sums.h"

/* A row for each policy of each report. */
void mtasts_csv_policies_header(FILE *stream);
void mtasts_csv_policies(FILE *stream, const struct mtasts_report_filter *filter,
                         const struct mtasts_tls_report *report);

/* One of the sums, in the order of its JSON. Returns false without memory. */
bool mtasts_csv_sums(FILE *stream, const struct mtasts_sums *sums, enum mtasts_show_by by);

#endif
