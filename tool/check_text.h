/*
 * check_text.h: the findings of a check for people.
 */
#ifndef MTASTS_TOOL_CHECK_TEXT_H
#define MTASTS_TOOL_CHECK_TEXT_H

#include "check_run.h"

/* Prints the findings, grouped by domain, each once. No line is wider than the terminal, or than 80
 * columns if standard output is none. */
void mtasts_check_text(const struct mtasts_domain *domains,
                       const struct mtasts_check_results *results);

#endif
