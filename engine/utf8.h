/*
 * utf8.h: UTF-8 in bytes from outside.
 */
#ifndef MTASTS_UTF8_H
#define MTASTS_UTF8_H

#include "mtasts.h"

/* The bytes of the character of two to four bytes in front (RFC 3629 section 4), or 0. The text has
 * at least one byte. */
size_t mtasts_utf8_len(struct mtasts_span text);

#endif
