#include "netstring.h"

#include "span.h"

enum mtasts_netstring mtasts_netstring_read(struct mtasts_span bytes, size_t max,
                                            struct mtasts_span *payload, size_t *used) {
  size_t size = 0;
  size_t at = 0;
  for (; at < bytes.len && mtasts_is_digit(bytes.data[at]); at++) {
    bool leading_zero = at > 0 && size == 0;
    size = size * 10 + (size_t)(bytes.data[at] - '0');
    if (leading_zero || size > max || at == MTASTS_NETSTRING_HEAD - 1)
      return MTASTS_NETSTRING_BAD;
  }
  if (at == bytes.len)
    return MTASTS_NETSTRING_PART;
  if (at == 0 || bytes.data[at] != ':')
    return MTASTS_NETSTRING_BAD;
  at++;
  if (bytes.len - at <= size) /* the comma must be there, too */
    return MTASTS_NETSTRING_PART;
  if (bytes.data[at + size] != ',')
    return MTASTS_NETSTRING_BAD;
  *payload = (struct mtasts_span){bytes.data + at, size};
  *used = at + size + 1;
  return MTASTS_NETSTRING_WHOLE;
}

struct mtasts_span mtasts_netstring_frame(char *payload, size_t size) {
  char *at = payload;
  size_t rest = size;
  payload[size] = ',';
  *--at = ':';
  do {
    *--at = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  return (struct mtasts_span){at, (size_t)(payload - at) + size + 1};
}

bool mtasts_request_read(struct mtasts_span payload, struct mtasts_request *request) {
  struct mtasts_request read = {.key = payload};
  if (!mtasts_span_cut(&read.key, ' ', &read.map) || read.map.len == 0)
    return false;
  *request = read;
  return true;
}
