/*
 * strbuf.h: the string builder of the programs. It writes into memory of a fixed size that the
 * caller gives, and allocates nothing.
 *
 * `size` is the ceiling. Text that does not fit sets `full`. It stays set, and nothing is added
 * from then on. So the caller checks once, at the end. The text ends with a NUL after each call.
 */
#ifndef MTASTS_STRBUF_H
#define MTASTS_STRBUF_H

#include "ascii.h"

struct mtasts_strbuf {
  char *data;
  size_t size; /* bytes of the memory, at least 1: one is for the NUL */
  size_t len;  /* bytes of the text, without the NUL */
  bool full;
};

/* Over an array. */
#define MTASTS_STRBUF(buffer) ((struct mtasts_strbuf){.data = (buffer), .size = sizeof(buffer)})

/* Is there room for `len` more bytes? If not, the text is full from then on. */
static inline bool mtasts_strbuf_fits(struct mtasts_strbuf *text, size_t len) {
  if (!text->full && len < text->size - text->len)
    return true;
  text->full = true;
  text->data[text->len] = '\0';
  return false;
}

/* Bytes that do not fit are left out as a whole. Inline: the replies of mtastsd consist of this. */
static inline void mtasts_strbuf_add(struct mtasts_strbuf *text, struct mtasts_span bytes) {
  if (!mtasts_strbuf_fits(text, bytes.len))
    return;
  char *at = text->data + text->len;
  if (bytes.len > 0)
    memcpy(at, bytes.data, bytes.len);
  at[bytes.len] = '\0';
  text->len += bytes.len;
}

/* Likewise, in double quotes: a JSON string of bytes that need no escape. */
static inline void mtasts_strbuf_quote(struct mtasts_strbuf *text, struct mtasts_span bytes) {
  if (!mtasts_strbuf_fits(text, bytes.len + 2))
    return;
  char *at = text->data + text->len;
  *at++ = '"';
  if (bytes.len > 0)
    memcpy(at, bytes.data, bytes.len);
  at[bytes.len] = '"';
  at[bytes.len + 1] = '\0';
  text->len += bytes.len + 2;
}

/* Cuts the text back to an earlier length; it is no longer full. */
static inline void mtasts_strbuf_cut(struct mtasts_strbuf *text, size_t len) {
  text->len = len;
  text->full = false;
  text->data[len] = '\0';
}

static inline struct mtasts_span mtasts_strbuf_span(const struct mtasts_strbuf *text) {
  return (struct mtasts_span){text->data, text->len};
}

void mtasts_strbuf_put(struct mtasts_strbuf *text, const char *words);
void mtasts_strbuf_number(struct mtasts_strbuf *text, uint64_t number);

/* Like printf. Text that does not fit is cut, so use it for people, or check `full`. */
__attribute__((format(printf, 2, 3))) void mtasts_strbuf_printf(struct mtasts_strbuf *text,
                                                                const char *format, ...);

/* Bytes from outside, made printable (printable.h). Text that does not fit is cut. */
void mtasts_strbuf_printable(struct mtasts_strbuf *text, struct mtasts_span bytes);

/* A JSON string of bytes from outside, with its quotes (RFC 8259 section 7). UTF-8 stays what it
 * is; DEL and the controls are escaped. A string that is not UTF-8 is written as printable.h does,
 * cut to 1,023 bytes. */
void mtasts_strbuf_json(struct mtasts_strbuf *text, struct mtasts_span bytes);

/* A host name from outside: `?` for each byte that no host name has; cut to 253 bytes. */
void mtasts_strbuf_host(struct mtasts_strbuf *text, struct mtasts_span host);

#endif
