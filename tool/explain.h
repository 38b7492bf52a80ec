/*
 * explain.h: collects the steps of a look-up for `query --explain`.
 */
#ifndef MTASTS_TOOL_EXPLAIN_H
#define MTASTS_TOOL_EXPLAIN_H

#include <jansson.h>

#include "mtasts.h"

/* A mtasts_trace_fn; context is a json_t array, to which it appends
 * {"ms":12.3,"section":"3.1","text":"…"}. A section is of RFC 8461 unless it begins with another
 * RFC. */
void mtasts_explain_step(void *context, uint64_t microseconds, const char *section,
                         const char *text);

/* The steps as text, one a line. */
void mtasts_explain_print(const json_t *steps);

#endif
