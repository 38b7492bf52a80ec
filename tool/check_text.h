/*
 * check_text.h: the findings of a check for people.
 */
#ifndef MTASTS_TOOL_CHECK_TEXT_H
#define MTASTS_TOOL_CHECK_TEXT_H

#include "check_run.h"

/* Prints the findings, grouped by domain, each once. Lines are as wide as the terminal at most, or
 * as 80 columns if standard output is none. Wider are only words that are longer, and what is to be
 * pasted: DNS records and lines of a policy. "|" is escaped unless standard output is a terminal.
 */
void mtasts_check_text(const struct mtasts_domain *domains,
                       const struct mtasts_check_results *results);

#endif
