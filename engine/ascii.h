/*
 * ascii.h: what a byte is, by value and never by the locale.
 */
#ifndef MTASTS_ASCII_H
#define MTASTS_ASCII_H

#include <string.h>

#include "mtasts.h"

static inline bool mtasts_is_digit(char c) {
  return c >= '0' && c <= '9';
}

static inline bool mtasts_is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

static inline bool mtasts_is_alnum(char c) {
  return mtasts_is_digit(c) || mtasts_is_upper(c) || (c >= 'a' && c <= 'z');
}

/* Space and tab, WSP of RFC 5234. */
static inline bool mtasts_is_wsp(char c) {
  return c == ' ' || c == '\t';
}

/* %x21-7E */
static inline bool mtasts_is_visible(char c) {
  return c > ' ' && c <= '~';
}

static inline char mtasts_lower(char c) {
  return mtasts_is_upper(c) ? (char)(c + ('a' - 'A')) : c;
}

/* The bytes of a string constant as a span. */
#define MTASTS_SPAN(literal) ((struct mtasts_span){.data = "" literal, .len = sizeof(literal) - 1})

static inline bool mtasts_span_equal(struct mtasts_span a, struct mtasts_span b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool mtasts_span_starts(struct mtasts_span whole, struct mtasts_span start) {
  return whole.len >= start.len &&
         mtasts_span_equal((struct mtasts_span){whole.data, start.len}, start);
}

/* The byte in lower case, or NUL where it has no place in a domain. A table, as every cached
 * decision passes here. */
extern const char mtasts_domain_chars[256];

#endif
