/*
 * report_text.h: sums of TLS reports for people, on a terminal or in a mail.
 *
 * No line is wider than the terminal, or than 80 columns if standard output is none. What a report
 * says is shown without control characters; names that are too long are shortened.
 */
#ifndef MTASTS_TOOL_REPORT_TEXT_H
#define MTASTS_TOOL_REPORT_TEXT_H

#include "show.h"

/* They write to standard output, and return false without memory. */
bool mtasts_report_overview(const struct mtasts_sums *sums, uint64_t duplicates);
/* What is other than before: for --against. */
bool mtasts_report_changes(const struct mtasts_sums *now, const struct mtasts_sums *before);

/* A text in lines no wider than the terminal, each with the indent. Of a long one the first 4 KB.
 */
__attribute__((format(printf, 2, 3))) void mtasts_report_line(size_t indent, const char *format,
                                                              ...);

bool mtasts_report_table(const struct mtasts_sums *sums, enum mtasts_show_by by);

#endif
