/*
 * explain.h: the steps of a look-up, kept for `query --explain`.
 */
#ifndef MTASTS_TOOL_EXPLAIN_H
#define MTASTS_TOOL_EXPLAIN_H

#include <jansson.h>

#include "mtasts.h"

/* A mtasts_trace_fn; context is a json_t array, to which it appends
 * {"ms":12.3,"section":"3.1","text":"…"}. Sections are of RFC 8461 unless they begin with their own
 * RFC. */
void mtasts_explain_step(void *context, uint64_t microseconds, const char *section,
                         const char *text);

/* The steps as text, one a line. */
void mtasts_explain_print(const json_t *steps);

#endif
