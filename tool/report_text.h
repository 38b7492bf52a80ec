/*
 * report_text.h: sums of TLS reports for people, on a terminal or in a mail.
 *
 * No line is wider than the terminal, or than 80 columns if standard output is none. What a report
 * says is shown without control characters; names that are too long are shortened.
 */
#ifndef MTASTS_TOOL_REPORT_TEXT_H
#define MTASTS_TOOL_REPORT_TEXT_H

#include "show.h"

/* Both write to standard output, and return false without memory. */
bool mtasts_report_overview(const struct mtasts_sums *sums, uint64_t duplicates);
bool mtasts_report_table(const struct mtasts_sums *sums, enum mtasts_show_by by);

#endif
