#include "transfer.h"

#include <string.h>

#include "span.h"

enum {
  NO_DIGIT = 64,
};

static unsigned base64_value(unsigned char c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26U;
  if (c >= '0' && c <= '9')
    return c - '0' + 52U;
  if (c == '+')
    return 62;
  return c == '/' ? 63 : NO_DIGIT;
}

size_t mtasts_base64_decode(struct mtasts_span text, char *out) {
  size_t used = 0;
  uint32_t bits = 0;
  unsigned count = 0;
  for (size_t i = 0; i < text.len && text.data[i] != '='; i++) {
    unsigned value = base64_value((unsigned char)text.data[i]);
    if (value == NO_DIGIT)
      continue;
    bits = bits << 6 | value;
    if (++count < 4)
      continue;
    out[used++] = (char)(bits >> 16 & 0xff);
    out[used++] = (char)(bits >> 8 & 0xff);
    out[used++] = (char)(bits & 0xff);
    count = 0;
  }
  /* Two digits are one byte and four bits of no use, three are two bytes and two bits. */
  if (count >= 2)
    out[used++] = (char)(bits >> (count == 2 ? 4 : 10) & 0xff);
  if (count == 3)
    out[used++] = (char)(bits >> 2 & 0xff);
  return used;
}

unsigned mtasts_hex_value(char c) {
  if (mtasts_is_digit(c))
    return (unsigned)(c - '0');
  c = mtasts_lower(c);
  return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* Decodes one line without its end. Returns false if its end is a soft line break. */
static bool quoted_line(struct mtasts_span line, char *out, size_t *used) {
  while (line.len > 0 &&
         (mtasts_is_wsp(line.data[line.len - 1]) || line.data[line.len - 1] == '\r'))
    line.len--;
  bool hard = line.len == 0 || line.data[line.len - 1] != '=';
  if (!hard)
    line.len--;
  for (size_t i = 0; i < line.len; i++) {
    if (line.data[i] == '=' && i + 2 < line.len) {
      unsigned high = mtasts_hex_value(line.data[i + 1]);
      unsigned low = mtasts_hex_value(line.data[i + 2]);
      if (high < 16 && low < 16) {
        out[(*used)++] = (char)(high << 4 | low);
        i += 2;
        continue;
      }
    }
    out[(*used)++] = line.data[i];
  }
  return hard;
}

size_t mtasts_quoted_printable_decode(struct mtasts_span text, char *out) {
  size_t used = 0;
  while (text.len > 0) {
    struct mtasts_span line;
    bool ended = mtasts_span_cut(&text, '\n', &line);
    if (quoted_line(line, out, &used) && ended)
      out[used++] = '\n';
  }
  return used;
}
