/*
 * eights.h: the letters of host names, eight bytes at a time: names are on the path of every
 * answer. A word holds its first byte in the lowest bits, on any machine.
 */
#ifndef MTASTS_ENGINE_EIGHTS_H
#define MTASTS_ENGINE_EIGHTS_H

#include <endian.h>

#include "ascii.h"

enum {
  MTASTS_WORD = sizeof(uint64_t)
};

#define MTASTS_EACH(byte) ((byte)*UINT64_C(0x0101010101010101)) /* of the eight */
#define MTASTS_TOPS       MTASTS_EACH(UINT64_C(0x80))

static inline uint64_t mtasts_word_read(const char *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  return le64toh(word);
}

static inline void mtasts_word_write(char *bytes, uint64_t word) {
  word = htole64(word);
  memcpy(bytes, &word, sizeof word);
}

/* The top bit of each byte of `word` from least to most. All of them are below 0x80. */
static inline uint64_t mtasts_word_within(uint64_t word, unsigned char least, unsigned char most) {
  return (word + MTASTS_EACH(UINT64_C(0x80) - least)) &
         ~(word + MTASTS_EACH(UINT64_C(0x7f) - most)) & MTASTS_TOPS;
}

/* Is all of it small letters, digits, hyphens, underscores and dots? */
static inline bool mtasts_word_is_plain(uint64_t word) {
  return (word & MTASTS_TOPS) == 0 &&
         (mtasts_word_within(word, 'a', 'z') | mtasts_word_within(word, '0', '9') |
          mtasts_word_within(word, '-', '.') | mtasts_word_within(word, '_', '_')) == MTASTS_TOPS;
}

/* Likewise of a text, of eight bytes or more; a shorter one never is. The last eight overlap with
 * those before. */
static inline bool mtasts_span_is_plain(struct mtasts_span text) {
  if (text.len < MTASTS_WORD)
    return false;
  for (size_t at = 0; at < text.len; at += MTASTS_WORD) {
    size_t from = at + MTASTS_WORD <= text.len ? at : text.len - MTASTS_WORD;
    if (!mtasts_word_is_plain(mtasts_word_read(text.data + from)))
      return false;
  }
  return true;
}

#endif
