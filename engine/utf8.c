#include "utf8.h"

size_t mtasts_utf8_len(struct mtasts_span text) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned char lead = (unsigned char)text.data[0];
  size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc0 || lead > 0xf7 || text.len < len)
    return 0;
  uint32_t point = lead & (0x7fU >> len);
  for (size_t i = 1; i < len; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if ((c & 0xc0) != 0x80)
      return 0;
    point = point << 6 | (c & 0x3fU);
  }
  bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return point < least[len] || point > 0x10ffff || surrogate ? 0 : len;
}
