#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "printable.h"

void mtasts_words_add(struct mtasts_words *words, struct mtasts_span bytes) {
  words->length +=
      mtasts_printable(bytes, words->text + words->length, sizeof words->text - words->length);
}

void mtasts_words_format(struct mtasts_words *words, const char *format, ...) {
  char text[2 * MTASTS_DOMAIN_MAX + 64];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  mtasts_words_add(words, (struct mtasts_span){text, strlen(text)});
}

uint64_t mtasts_trace_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}
