/*
 * report_explain.h: `report show --explain`: each report as a person would read it, and what is odd
 * of it, with the section of RFC 8460.
 */
#ifndef MTASTS_TOOL_REPORT_EXPLAIN_H
#define MTASTS_TOOL_REPORT_EXPLAIN_H

#include "options.h"
#include "sums.h"

/* Reports that the filter lets through. With --json, a value for each. Returns an exit code. */
int mtasts_report_explain(const struct mtasts_options *options,
                          const struct mtasts_report_filter *filter);

#endif
