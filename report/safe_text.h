/*
 * safe_text.h: what a stranger's text becomes before people see it: valid UTF-8 without control
 * characters (C0, DEL, C1), line and paragraph separators, and characters that reorder text
 * (U+202A to U+202E, U+2066 to U+2069). Each of those is U+FFFD. Pure, but for the locale that
 * mtasts_safe_columns asks.
 */
#ifndef MTASTS_REPORT_SAFE_TEXT_H
#define MTASTS_REPORT_SAFE_TEXT_H

#include "mtasts.h"

struct mtasts_safe_char {
  uint32_t code;
  size_t len;
  char bytes[4]; /* UTF-8 */
};

/* Takes the character in front; the text has at least one byte. */
struct mtasts_safe_char mtasts_safe_take(struct mtasts_span *text);

/*
 * Writes the text, padded with spaces, into exactly so many columns of a terminal; a longer one is
 * shortened, and ends in `…` (ASCII: `...`). out has 4 * columns + 1 bytes. Returns out.
 */
char *mtasts_safe_pad(struct mtasts_span text, size_t columns, bool utf8, char *out);

/* How many columns the text takes. */
size_t mtasts_safe_columns(struct mtasts_span text, bool utf8);

#endif
