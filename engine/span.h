/*
 * span.h: reads untrusted bytes from the front of a span, which shrinks as they are read. Also
 * parses the name at the start of a field, which record and policy share.
 */
#ifndef MTASTS_ENGINE_SPAN_H
#define MTASTS_ENGINE_SPAN_H

#include "ascii.h"
#include "bounds.h"

/* Drops the first `count` bytes; the span must have as many. */
static inline void mtasts_span_drop(struct mtasts_span *text, size_t count) {
  text->data += count;
  text->len -= count;
}

/* Drops the first byte if it is `c`. Returns whether it was. */
static inline bool mtasts_span_take(struct mtasts_span *text, char c) {
  if (text->len == 0 || text->data[0] != c)
    return false;
  mtasts_span_drop(text, 1);
  return true;
}

/* *head becomes the bytes before the first `end`, or all of them; `end` is dropped as well. Returns
 * whether there was an `end`. */
static inline bool mtasts_span_cut(struct mtasts_span *text, char end, struct mtasts_span *head) {
  const char *at = text->len > 0 ? memchr(text->data, end, text->len) : NULL;
  *head = (struct mtasts_span){text->data, at ? (size_t)(at - text->data) : text->len};
  mtasts_span_drop(text, at ? head->len + 1 : head->len);
  return at != NULL;
}

static inline void mtasts_span_skip_wsp(struct mtasts_span *text) {
  while (text->len > 0 && mtasts_is_wsp(text->data[0]))
    mtasts_span_drop(text, 1);
}

static inline void mtasts_span_trim_wsp(struct mtasts_span *text) {
  while (text->len > 0 && mtasts_is_wsp(text->data[text->len - 1]))
    text->len--;
}

static inline bool mtasts_span_is_digits(struct mtasts_span text) {
  for (size_t i = 0; i < text.len; i++)
    if (!mtasts_is_digit(text.data[i]))
      return false;
  return text.len > 0;
}

/* The name of a field and the byte that ends it:
 * (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / "."), RFC 8461 sections 3.1 and 3.2. */
static inline bool mtasts_span_take_name(struct mtasts_span *field, char end,
                                         struct mtasts_span *name) {
  if (!mtasts_span_cut(field, end, name) || name->len == 0 ||
      name->len > MTASTS_EXTENSION_NAME_MAX || !mtasts_is_alnum(name->data[0]))
    return false;
  for (size_t i = 1; i < name->len; i++) {
    char c = name->data[i];
    if (!mtasts_is_alnum(c) && c != '_' && c != '-' && c != '.')
      return false;
  }
  return true;
}

#endif
