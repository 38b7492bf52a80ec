/*
 * line_buffer.h: lines from a descriptor, in bounded memory. A longer line is dropped whole, and a
 * line without its end waits for the rest.
 */
#ifndef MTASTS_TOOL_LINE_BUFFER_H
#define MTASTS_TOOL_LINE_BUFFER_H

#include "mtasts.h"

enum {
  MTASTS_LINE_BUFFER_MAX = 64 << 10, /* bytes of a line with its end */
};

struct mtasts_line_buffer {
  int fd;
  uint64_t offset; /* bytes of all lines that were returned or dropped, with their ends */
  size_t start, used;
  bool dropping; /* the rest of a long line */
  char bytes[MTASTS_LINE_BUFFER_MAX];
};

enum mtasts_line_buffer_read {
  MTASTS_LINE_BUFFER_READ,
  MTASTS_LINE_BUFFER_NONE, /* no whole line now: the end of the file, or EAGAIN */
  MTASTS_LINE_BUFFER_END,  /* of a pipe: all writers have closed it. A file gives it at its end as
                              well */
  MTASTS_LINE_BUFFER_ERROR /* errno is set */
};

/* Forgets what was read; the descriptor stands at `offset`. */
void mtasts_line_buffer_begin(struct mtasts_line_buffer *lines, int fd, uint64_t offset);

/* The next line without its end; valid until the next call. */
enum mtasts_line_buffer_read mtasts_line_buffer_next(struct mtasts_line_buffer *lines,
                                                     struct mtasts_span *line);

#endif
