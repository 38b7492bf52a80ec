/* Any bytes as replies of an SMTP server. The first byte of the input is the size of the pieces in
 * which they come: that must change nothing. */
#include <stdlib.h>
#include <string.h>

#include "smtp_reply.h"

/* Reads the whole input as one reply after the other; returns a sum over what was read. */
static size_t read_all(const char *bytes, size_t size, size_t piece) {
  struct mtasts_smtp_reply reply = {.code = 0};
  size_t sum = 0;
  for (size_t at = 0; at < size;) {
    size_t left = size - at < piece ? size - at : piece;
    size_t used = mtasts_smtp_reply_read(&reply, bytes + at, left);
    if (used > left || (used < left && reply.state == MTASTS_SMTP_REPLY_MORE))
      abort();
    at += used;
    if (reply.last_length > sizeof reply.last || reply.bytes > MTASTS_SMTP_REPLY_MAX ||
        reply.length > MTASTS_SMTP_LINE_MAX + 1 || reply.lines > MTASTS_SMTP_LINES_MAX)
      abort();
    if (reply.state == MTASTS_SMTP_REPLY_BAD)
      return reply.why ? sum * 31 + at : 0;
    if (reply.state != MTASTS_SMTP_REPLY_WHOLE)
      continue;
    if (reply.code < 200 || reply.code > 599 || reply.lines == 0)
      abort();
    sum = sum * 31 + reply.code + reply.lines + reply.starttls;
    memset(&reply, 0, sizeof reply);
  }
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  const char *bytes = (const char *)data + 1;
  if (read_all(bytes, size - 1, data[0] % 7 + 1U) != read_all(bytes, size - 1, size))
    abort();
  return 0;
}
