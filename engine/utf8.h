/*
 * utf8.h: validates UTF-8 in untrusted bytes.
 */
#ifndef MTASTS_UTF8_H
#define MTASTS_UTF8_H

#include "mtasts.h"

/* The length of the character of two to four bytes at the front (RFC 3629 section 4); 0 if there is
 * none. The text has at least one byte. */
size_t mtasts_utf8_len(struct mtasts_span text);

#endif
