#include "format.h"

#include <string.h>

#include "ascii.h"

static const char prefix[] = "mtasts ";

unsigned mtasts_format_number(const void *record, size_t size) {
  const char *text = record;
  const size_t start = sizeof prefix - 1;
  unsigned number = 0;
  if (size <= start || memcmp(text, prefix, start) != 0 || text[start] == '0')
    return 0;
  for (size_t i = start; i < size; i++) {
    if (!mtasts_is_digit(text[i]) || number > MTASTS_FORMAT_MAX / 10)
      return 0;
    number = number * 10 + (unsigned)(text[i] - '0');
  }
  return number <= MTASTS_FORMAT_MAX ? number : 0;
}
