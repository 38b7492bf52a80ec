#include "line_buffer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void mtasts_line_buffer_begin(struct mtasts_line_buffer *lines, int fd, uint64_t offset) {
  lines->fd = fd;
  lines->offset = offset;
  lines->start = lines->used = 0;
  lines->dropping = false;
}

/* Takes a whole line from the buffer. */
static bool take(struct mtasts_line_buffer *lines, struct mtasts_span *line) {
  const char *start = lines->bytes + lines->start;
  size_t left = lines->used - lines->start;
  const char *end = left > 0 ? memchr(start, '\n', left) : NULL;
  if (!end)
    return false;
  *line = (struct mtasts_span){start, (size_t)(end - start)};
  lines->start += line->len + 1;
  lines->offset += line->len + 1;
  return true;
}

static void make_room(struct mtasts_line_buffer *lines) {
  if (lines->start == 0 && lines->used == sizeof lines->bytes) {
    lines->dropping = true;
    lines->offset += lines->used;
    lines->used = 0;
  }
  lines->used -= lines->start;
  memmove(lines->bytes, lines->bytes + lines->start, lines->used);
  lines->start = 0;
}

enum mtasts_line_buffer_read mtasts_line_buffer_next(struct mtasts_line_buffer *lines,
                                                     struct mtasts_span *line) {
  for (;;) {
    if (take(lines, line)) {
      if (!lines->dropping)
        return MTASTS_LINE_BUFFER_READ;
      lines->dropping = false;
      continue;
    }
    make_room(lines);
    ssize_t got = read(lines->fd, lines->bytes + lines->used, sizeof lines->bytes - lines->used);
    if (got == 0)
      return MTASTS_LINE_BUFFER_END;
    if (got < 0)
      return errno == EAGAIN || errno == EINTR ? MTASTS_LINE_BUFFER_NONE : MTASTS_LINE_BUFFER_ERROR;
    lines->used += (size_t)got;
  }
}
