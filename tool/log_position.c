#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log_source.h"
#include "span.h"

void mtasts_log_position_write(const struct mtasts_log_position *position,
                               char text[MTASTS_LOG_POSITION_MAX]) {
  if (position->cursor[0])
    snprintf(text, MTASTS_LOG_POSITION_MAX, "journal %" PRIu64 " %" PRIu64 " %s\n", position->done,
             position->realtime, position->cursor);
  else
    snprintf(text, MTASTS_LOG_POSITION_MAX,
             "file %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", position->done,
             position->device, position->inode, position->offset);
}

static bool take_number(struct mtasts_span *text, uint64_t *number) {
  struct mtasts_span digits;
  mtasts_span_cut(text, ' ', &digits);
  *number = 0;
  for (size_t i = 0; i < digits.len; i++)
    if (!mtasts_is_digit(digits.data[i]) || __builtin_mul_overflow(*number, 10U, number) ||
        __builtin_add_overflow(*number, (uint64_t)(digits.data[i] - '0'), number))
      return false;
  return digits.len > 0;
}

bool mtasts_log_position_read(struct mtasts_span text, struct mtasts_log_position *position) {
  struct mtasts_log_position read = {.set = true};
  struct mtasts_span line;
  struct mtasts_span kind;
  if (!mtasts_span_cut(&text, '\n', &line))
    return false;
  mtasts_span_cut(&line, ' ', &kind);
  if (!take_number(&line, &read.done))
    return false;
  if (mtasts_span_equal(kind, MTASTS_SPAN("file"))) {
    if (!take_number(&line, &read.device) || !take_number(&line, &read.inode) ||
        !take_number(&line, &read.offset) || line.len > 0)
      return false;
  } else {
    if (!mtasts_span_equal(kind, MTASTS_SPAN("journal")) || !take_number(&line, &read.realtime) ||
        line.len == 0 || line.len >= sizeof read.cursor)
      return false;
    memcpy(read.cursor, line.data, line.len);
  }
  *position = read;
  return true;
}
