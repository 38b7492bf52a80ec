#include "printable.h"

size_t mtasts_printable(struct mtasts_span bytes, char *out, size_t out_size) {
  static const char hex[] = "0123456789abcdef";
  size_t n = 0;
  for (size_t i = 0; i < bytes.len; i++) {
    unsigned char c = (unsigned char)bytes.data[i];
    bool plain = c >= ' ' && c <= '~';
    if (out_size - n <= (plain ? 1U : 4U))
      break;
    if (plain) {
      out[n++] = (char)c;
    } else {
      out[n++] = '\\';
      out[n++] = 'x';
      out[n++] = hex[c >> 4];
      out[n++] = hex[c & 15];
    }
  }
  out[n] = '\0';
  return n;
}
