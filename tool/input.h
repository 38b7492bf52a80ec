/*
 * input.h: reading files and standard input: all of a small file, or a long one by lines.
 */
#ifndef MTASTS_TOOL_INPUT_H
#define MTASTS_TOOL_INPUT_H

#include <sys/types.h>

#include "mtasts.h"

/*
 * Opens a file for reading, "-" or NULL for standard input. Complains and returns -1, with
 * the exit code in *code, where it cannot. Directories are refused.
 */
int mtasts_input_open(const char *path, int *code);

/* What to call it in messages. */
const char *mtasts_input_name(const char *path);

/*
 * Reads at most `max` bytes of a file and closes it; a longer one gives max + 1 bytes. The
 * bytes are the caller's to free. Complains and returns an exit code on failure.
 */
int mtasts_input_all(const char *path, size_t max, char **bytes, size_t *size);

/* Lines of a descriptor, one at a time, however many. */
struct mtasts_lines {
  int fd;
  size_t max; /* bytes a line may have; a longer one is given cut to max + 1 */
  char *buffer;
  size_t size, start, end;
  uint64_t number;      /* of the line given last, counted from 1 */
  bool ended, skipping; /* no more to read; past a line that was cut */
};

enum mtasts_line {
  MTASTS_LINE,
  MTASTS_LINE_LATER, /* a pipe that has nothing now; only where `wait` is false */
  MTASTS_LINE_END,
  MTASTS_LINE_ERROR, /* errno is set */
};

bool mtasts_lines_init(struct mtasts_lines *lines, int fd, size_t max);
/* The line, without its end (LF or CRLF) and the first one without a byte order mark, is good until
 * the next call. */
enum mtasts_line mtasts_lines_next(struct mtasts_lines *lines, bool wait, struct mtasts_span *line);
void mtasts_lines_free(struct mtasts_lines *lines);

#endif
