/*
 * quirks.h: what is wrong with a report, though it is read without a warning: each with the section
 * that says how it should be. For people who write to the sender. Pure.
 */
#ifndef MTASTS_REPORT_QUIRKS_H
#define MTASTS_REPORT_QUIRKS_H

#include "parse.h"

/* root: the JSON that the report was read from. Calls back for each; texts end with the section in
 * parentheses. */
void mtasts_report_quirks(const json_t *root, const struct mtasts_tls_report *report,
                          mtasts_report_warn_fn *quirk, void *context);

#endif
