/*
 * report_options.h: the options of `report show` and `report watch`, read. Each function prints an
 * error and returns false for what it cannot read.
 */
#ifndef MTASTS_TOOL_REPORT_OPTIONS_H
#define MTASTS_TOOL_REPORT_OPTIONS_H

#include "limit.h"
#include "options.h"
#include "sums.h"

/* --since, --until, --domain, --failures. *domain holds the name that the filter points to. */
bool mtasts_report_filter_read(const struct mtasts_options *options, struct mtasts_domain *domain,
                               struct mtasts_report_filter *filter);

/* --against A..B: puts the days into a filter. */
bool mtasts_report_span_read(const char *text, struct mtasts_report_filter *filter);

/* --fail-over; without it, the limit is not given. */
bool mtasts_report_limit_read(const struct mtasts_options *options,
                              struct mtasts_report_limit *limit);

#endif
