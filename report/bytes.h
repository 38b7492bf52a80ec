/*
 * bytes.h: packed bytes: a writer whose memory grows, and a reader with a sticky error. Numbers are
 * big-endian, so packed keys sort by them.
 *
 * The writer's owner initialises it to zero and frees it by mtasts_bytes_free. After a failed
 * allocation `failed` stays set and nothing is added, so it is checked once, at the end. The reader
 * does not own its bytes. After a read past the end `failed` stays set, and all it reads is zero or
 * empty.
 */
#ifndef MTASTS_REPORT_BYTES_H
#define MTASTS_REPORT_BYTES_H

#include <stdlib.h>
#include <string.h>

#include "mtasts.h"

struct mtasts_bytes {
  char *data;
  size_t len;  /* bytes */
  size_t room; /* bytes allocated */
  bool failed; /* out of memory */
};

void mtasts_bytes_add(struct mtasts_bytes *bytes, struct mtasts_span more);
void mtasts_bytes_number(struct mtasts_bytes *bytes, uint64_t number, size_t width);

static inline void mtasts_bytes_text(struct mtasts_bytes *bytes, struct mtasts_span text) {
  mtasts_bytes_number(bytes, text.len, 4);
  mtasts_bytes_add(bytes, text);
}

/* Writes over four bytes that were added before, at offset `at`. */
void mtasts_bytes_patch(struct mtasts_bytes *bytes, size_t at, uint32_t number);

static inline struct mtasts_span mtasts_bytes_span(const struct mtasts_bytes *bytes) {
  return (struct mtasts_span){bytes->len > 0 ? bytes->data : "", bytes->len};
}

static inline void mtasts_bytes_free(struct mtasts_bytes *bytes) {
  free(bytes->data);
  *bytes = (struct mtasts_bytes){0};
}

struct mtasts_bytes_reader {
  struct mtasts_span rest;
  bool failed;
};

struct mtasts_span mtasts_bytes_take(struct mtasts_bytes_reader *reader, size_t len);
uint64_t mtasts_bytes_take_number(struct mtasts_bytes_reader *reader, size_t width);
/* A text of mtasts_bytes_text. */
struct mtasts_span mtasts_bytes_take_text(struct mtasts_bytes_reader *reader);

#endif
