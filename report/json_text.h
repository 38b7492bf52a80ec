/*
 * json_text.h: JSON texts (RFC 8259) that strangers wrote, read with a bound on memory.
 *
 * A key twice in one object, NaN, and nesting deeper than 2048 are malformed. A number too large
 * for a double or for 63 bits is read as -1: no count is negative, so the reader of reports says
 * what it is.
 *
 * Threads: one. jansson's allocator is replaced for the whole process by
 * mtasts_json_text_init, which must run before any other use of jansson.
 */
#ifndef MTASTS_REPORT_JSON_TEXT_H
#define MTASTS_REPORT_JSON_TEXT_H

#include <jansson.h>

#include "mtasts.h"

enum {
  MTASTS_JSON_MEMORY_MAX = 168 << 20, /* bytes that one value may take */
  MTASTS_JSON_REPLACED_MAX = 64,
  MTASTS_JSON_ERROR_SIZE = 256,
};

void mtasts_json_text_init(void);

/*
 * Reads the text in front of *rest and drops it; it must not begin with white space. *value is the
 * caller's to release. Returns false, and error says why, if it is malformed or takes too much
 * memory.
 *
 * replaced: counts the texts of an input in which numbers were too large. Each costs a copy of all
 * of *rest, so beyond MTASTS_JSON_REPLACED_MAX such a text is malformed.
 */
bool mtasts_json_text_take(struct mtasts_span *rest, unsigned *replaced, json_t **value,
                           char error[MTASTS_JSON_ERROR_SIZE]);

/* Drops white space as JSON knows it. */
void mtasts_json_skip_space(struct mtasts_span *text);

/* Valid UTF-8 in which each byte that is none is U+FFFD. *repaired is NULL, and *size 0, if all of
 * the text is valid; else it is the caller's to free. Returns false if that takes more than max
 * bytes, or more than there are. */
bool mtasts_json_repair_utf8(struct mtasts_span text, size_t max, char **repaired, size_t *size);

#endif
