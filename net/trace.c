#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ascii.h"
#include "printable.h"
#include "resolver.h"

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

void mtasts_trace_answer(mtasts_trace_fn *trace, void *context, uint64_t started,
                         const char *section, const char *type_name, const char *name,
                         const struct mtasts_dns_answer *answer, const struct mtasts_words *data) {
  struct mtasts_words words = {.length = 0};
  if (!trace)
    return;
  if (answer->outcome == MTASTS_DNS_FAILED || answer->outcome == MTASTS_DNS_BOGUS) {
    mtasts_words_add(&words, (struct mtasts_span){answer->detail, strlen(answer->detail)});
  } else {
    mtasts_words_format(&words, "%s %s: ", type_name, name);
    if (answer->outcome == MTASTS_DNS_NXDOMAIN)
      mtasts_words_add(&words, MTASTS_SPAN("no such name"));
    else if (answer->outcome == MTASTS_DNS_NODATA)
      mtasts_words_add(&words, MTASTS_SPAN("no such record"));
    else
      mtasts_words_add(&words, (struct mtasts_span){data->text, data->length});
  }
  trace(context, mtasts_trace_clock() - started, section, words.text);
}
