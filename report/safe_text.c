#include "safe_text.h"

#include <wchar.h>

#include "span.h"
#include "utf8.h"

enum {
  REPLACEMENT = 0xFFFD,
};

static uint32_t decode(const char *bytes, size_t len) {
  static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  uint32_t code = (unsigned char)bytes[0] & first_bits[len];
  for (size_t i = 1; i < len; i++)
    code = code << 6 | ((unsigned char)bytes[i] & 0x3fU);
  return code;
}

static bool is_safe(uint32_t code) {
  return code >= ' ' && (code < 0x7f || code > 0x9f) && code != 0x2028 && code != 0x2029 &&
         (code < 0x202a || code > 0x202e) && (code < 0x2066 || code > 0x2069);
}

struct mtasts_safe_char mtasts_safe_take(struct mtasts_span *text) {
  struct mtasts_safe_char taken = {REPLACEMENT, 3, "\xEF\xBF\xBD"};
  size_t len = (unsigned char)text->data[0] < 0x80 ? 1 : mtasts_utf8_len(*text);
  uint32_t code = len > 0 ? decode(text->data, len) : REPLACEMENT;
  if (len > 0 && is_safe(code)) {
    taken.code = code;
    taken.len = len;
    memcpy(taken.bytes, text->data, len);
  }
  mtasts_span_drop(text, len ? len : 1);
  return taken;
}

/* The same for a terminal: what it cannot show is `?`. */
static struct mtasts_safe_char take_shown(struct mtasts_span *text, bool utf8, size_t *columns) {
  struct mtasts_safe_char taken = mtasts_safe_take(text);
  int width = taken.code < 0x80 ? 1 : utf8 ? wcwidth((wchar_t)taken.code) : -1;
  if (width < 0)
    taken = (struct mtasts_safe_char){'?', 1, "?"};
  *columns = width < 0 ? 1 : (size_t)width;
  return taken;
}

size_t mtasts_safe_columns(struct mtasts_span text, bool utf8) {
  size_t all = 0;
  size_t columns;
  while (text.len > 0) {
    take_shown(&text, utf8, &columns);
    all += columns;
  }
  return all;
}

char *mtasts_safe_pad(struct mtasts_span text, size_t columns, bool utf8, char *out) {
  const struct mtasts_span dots = utf8 ? MTASTS_SPAN("\xE2\x80\xA6") : MTASTS_SPAN("...");
  size_t dots_columns = utf8 ? 1 : 3;
  bool cut = mtasts_safe_columns(text, utf8) > columns;
  size_t room = cut ? (columns > dots_columns ? columns - dots_columns : 0) : columns;
  size_t used = 0;
  size_t at = 0;
  while (text.len > 0) {
    size_t width;
    struct mtasts_safe_char next = take_shown(&text, utf8, &width);
    /* Marks without a width could go on for ever. A byte for each column left is kept for a space.
     */
    if (used + width > room || at + next.len + (room - used - width) > 4 * room)
      break;
    memcpy(out + at, next.bytes, next.len);
    at += next.len;
    used += width;
  }
  if (cut && columns >= dots_columns) {
    memcpy(out + at, dots.data, dots.len);
    at += dots.len;
    used += dots_columns;
  }
  for (; used < columns; used++)
    out[at++] = ' ';
  out[at] = '\0';
  return out;
}
