#include "strbuf.h"

#include <stdarg.h>
#include <stdio.h>

#include "printable.h"
#include "utf8.h"

enum {
  CLEAN_MAX = 1024, /* bytes kept of a text that is not UTF-8 */
};

void mtasts_strbuf_put(struct mtasts_strbuf *text, const char *words) {
  mtasts_strbuf_add(text, (struct mtasts_span){words, strlen(words)});
}

void mtasts_strbuf_number(struct mtasts_strbuf *text, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  mtasts_strbuf_add(text, (struct mtasts_span){digits + at, sizeof digits - at});
}

void mtasts_strbuf_printf(struct mtasts_strbuf *text, const char *format, ...) {
  size_t room = text->size - text->len;
  va_list arguments;
  if (text->full)
    return;
  va_start(arguments, format);
  int n = vsnprintf(text->data + text->len, room, format, arguments);
  va_end(arguments);
  if (n < 0 || (size_t)n >= room) {
    text->full = true;
    n = n < 0 ? 0 : (int)(room - 1);
  }
  text->len += (size_t)n;
  text->data[text->len] = '\0';
}

void mtasts_strbuf_printable(struct mtasts_strbuf *text, struct mtasts_span bytes) {
  char shown[sizeof "\\xHH"];
  for (size_t i = 0; i < bytes.len && !text->full; i++) {
    size_t len = mtasts_printable((struct mtasts_span){bytes.data + i, 1}, shown, sizeof shown);
    mtasts_strbuf_add(text, (struct mtasts_span){shown, len});
  }
}

/* JSON */

/* Visible ASCII and spaces that a JSON string contains unescaped. */
static inline bool is_plain(char c) {
  return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* The same for eight characters at once. XOR turns a byte that equals an exception into 0. No byte
 * may have its top bit set, neither before nor after subtracting: a space from the byte, or 1 from
 * such an XOR. */
static inline bool are_plain(const char *eight) {
  const uint64_t each = 0x0101010101010101;
  uint64_t bytes;
  memcpy(&bytes, eight, sizeof bytes);
  uint64_t odd = bytes | (bytes - each * ' ') | ((bytes ^ each * '"') - each) |
                 ((bytes ^ each * '\\') - each) | ((bytes ^ each * 0x7f) - each);
  return (odd & each * 0x80) == 0;
}

static bool all_plain(struct mtasts_span bytes) {
  size_t i = 0;
  for (; i + 8 <= bytes.len; i += 8)
    if (!are_plain(bytes.data + i))
      return false;
  if (bytes.len >= 8)
    return are_plain(bytes.data + bytes.len - 8); /* some of them a second time */
  while (i < bytes.len && is_plain(bytes.data[i]))
    i++;
  return i == bytes.len;
}

static bool is_utf8(struct mtasts_span bytes) {
  size_t len = 1;
  for (; bytes.len > 0 && len > 0; bytes.data += len, bytes.len -= len)
    len = (unsigned char)bytes.data[0] < 0x80 ? 1 : mtasts_utf8_len(bytes);
  return len > 0;
}

static void add_escaped(struct mtasts_strbuf *text, struct mtasts_span bytes) {
  static const char hex[] = "0123456789abcdef";
  char clean[CLEAN_MAX];
  if (!is_utf8(bytes))
    bytes = (struct mtasts_span){clean, mtasts_printable(bytes, clean, sizeof clean)};
  mtasts_strbuf_add(text, MTASTS_SPAN("\""));
  for (size_t i = 0; i < bytes.len; i++) {
    unsigned char c = (unsigned char)bytes.data[i];
    char quoted[] = {'\\', (char)c};
    char numbered[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    if (c == '"' || c == '\\')
      mtasts_strbuf_add(text, (struct mtasts_span){quoted, sizeof quoted});
    else if (c < ' ' || c == 0x7f)
      mtasts_strbuf_add(text, (struct mtasts_span){numbered, sizeof numbered});
    else
      mtasts_strbuf_add(text, (struct mtasts_span){bytes.data + i, 1});
  }
  mtasts_strbuf_add(text, MTASTS_SPAN("\""));
}

void mtasts_strbuf_json(struct mtasts_strbuf *text, struct mtasts_span bytes) {
  if (all_plain(bytes))
    mtasts_strbuf_quote(text, bytes);
  else
    add_escaped(text, bytes);
}

void mtasts_strbuf_host(struct mtasts_strbuf *text, struct mtasts_span host) {
  for (size_t i = 0; i < host.len && i < MTASTS_DOMAIN_MAX; i++) {
    char c = host.data[i];
    bool known = mtasts_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '*';
    mtasts_strbuf_add(text, (struct mtasts_span){known ? &c : "?", 1});
  }
}
