/*
 * text.h: text that is written into a buffer of fixed size. What does not fit is left out whole,
 * and `full` says so; there is always room for the NUL.
 */
#ifndef MTASTS_TEXT_H
#define MTASTS_TEXT_H

#include "mtasts.h"

struct mtasts_text {
  char *data;  /* NUL-terminated after the first call */
  size_t size; /* of the buffer, at least 1 */
  size_t len;
  bool full;
};

#define MTASTS_TEXT(buffer) ((struct mtasts_text){.data = (buffer), .size = sizeof(buffer)})

void mtasts_text_add(struct mtasts_text *text, struct mtasts_span bytes);
void mtasts_text_put(struct mtasts_text *text, const char *words);
void mtasts_text_number(struct mtasts_text *text, uint64_t number);

/* A host name from outside: `?` for what no host name has; cut to 253 bytes. */
void mtasts_text_host(struct mtasts_text *text, struct mtasts_span host);

#endif
