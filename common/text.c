#include "text.h"

#include "ascii.h"

void mtasts_text_add(struct mtasts_text *text, struct mtasts_span bytes) {
  if (bytes.len < text->size - text->len)
    memcpy(text->data + text->len, bytes.data, bytes.len);
  else
    text->full = true;
  if (!text->full)
    text->len += bytes.len;
  text->data[text->len] = '\0';
}

void mtasts_text_put(struct mtasts_text *text, const char *words) {
  mtasts_text_add(text, (struct mtasts_span){words, strlen(words)});
}

void mtasts_text_number(struct mtasts_text *text, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  mtasts_text_add(text, (struct mtasts_span){digits + at, sizeof digits - at});
}

void mtasts_text_host(struct mtasts_text *text, struct mtasts_span host) {
  for (size_t i = 0; i < host.len && i < MTASTS_DOMAIN_MAX; i++) {
    char c = host.data[i];
    bool known = mtasts_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '*';
    mtasts_text_add(text, (struct mtasts_span){known ? &c : "?", 1});
  }
}
