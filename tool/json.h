/*
 * json.h: JSON on standard output, one value per line.
 */
#ifndef MTASTS_TOOL_JSON_H
#define MTASTS_TOOL_JSON_H

#include <jansson.h>

#include "answer_json.h"

/* Writes the value and a newline to standard output, and frees it; NULL means out of memory.
 * Returns an exit code. */
int mtasts_json_print(json_t *value);

/* The same for an answer; steps are its last key, or NULL for none. */
int mtasts_json_answer(const struct mtasts_answer *answer, json_t *steps);

/* A string; bytes that are not UTF-8 are shown as in common/printable.h. */
json_t *mtasts_json_text(struct mtasts_span text);

#endif
