/*
 * ascii.h: classes and comparison of ASCII bytes, whatever the locale.
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

static inline struct mtasts_span mtasts_span_of(const char *text) {
  return (struct mtasts_span){text, strlen(text)};
}

/* ASCII letters in any case. */
static inline bool mtasts_span_equal_nocase(struct mtasts_span a, struct mtasts_span b) {
  if (a.len != b.len)
    return false;
  for (size_t i = 0; i < a.len; i++)
    if (mtasts_lower(a.data[i]) != mtasts_lower(b.data[i]))
      return false;
  return true;
}

/* By bytes; a prefix comes before the longer name. LMDB orders keys the same way. */
static inline int mtasts_span_compare(struct mtasts_span a, struct mtasts_span b) {
  size_t both = a.len < b.len ? a.len : b.len;
  int order = both > 0 ? memcmp(a.data, b.data, both) : 0;
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* For tsearch(3): compares two `struct mtasts_domain`, or two structs that begin with one. */
static inline int mtasts_domain_compare(const void *a, const void *b) {
  const struct mtasts_domain *x = a;
  const struct mtasts_domain *y = b;
  return mtasts_span_compare((struct mtasts_span){x->name, x->len},
                             (struct mtasts_span){y->name, y->len});
}

/* The byte in lower case, or NUL if a domain name may not contain it. A table, because every cached
 * decision reads it. */
extern const char mtasts_domain_chars[256];

#endif
