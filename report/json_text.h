/*
 * json_text.h: JSON texts (RFC 8259) that strangers wrote, read with a bound on memory.
 *
 * A key twice in one object, NaN, and nesting deeper than 2048 are malformed. A number too large
 * for a double or for 63 bits is read as -1: no count is negative, so the reader of reports says
 * what it is. An escape of half a surrogate pair is read as U+FFFD.
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
  MTASTS_JSON_ERROR_SIZE = 256,
};

void mtasts_json_text_init(void);

/*
 * Reads the object in front of *rest and drops it. *value is the caller's to release. *halves: an
 * escape was half a surrogate pair. Returns false, and error says why, if the text is malformed or
 * takes too much memory. Takes time by the length of the text, not by that of *rest.
 */
bool mtasts_json_text_take(struct mtasts_span *rest, bool *halves, json_t **value,
                           char error[MTASTS_JSON_ERROR_SIZE]);

/* Drops white space as JSON knows it. */
void mtasts_json_skip_space(struct mtasts_span *text);

/* Valid UTF-8 in which each byte that is none is U+FFFD. *repaired is NULL, and *size 0, if all of
 * the text is valid; else it is the caller's to free. Returns false if that takes more than max
 * bytes, or more than there are. */
bool mtasts_json_repair_utf8(struct mtasts_span text, size_t max, char **repaired, size_t *size);

#endif
