/*
 * input.h: reads files and standard input: a small file as a whole, or a long one by lines.
 */
#ifndef MTASTS_TOOL_INPUT_H
#define MTASTS_TOOL_INPUT_H

#include <sys/types.h>

#include "mtasts.h"

/*
 * Opens a file for reading; "-" or NULL is standard input. Directories are refused. On failure
 * prints an error, sets the exit code *code and returns -1.
 */
int mtasts_input_open(const char *path, int *code);

/* The file's name for messages. */
const char *mtasts_input_name(const char *path);

/*
 * Reads at most `max` bytes of a file and closes it; a longer file gives max + 1 bytes. The caller
 * frees the bytes. On failure prints an error and returns an exit code.
 */
int mtasts_input_all(const char *path, size_t max, char **bytes, size_t *size);

/* Lines of a descriptor, one at a time, however many. */
struct mtasts_lines {
  int fd;
  size_t max; /* bytes of a line; a longer one is cut to max + 1 */
  char *buffer;
  size_t size, start, end;
  uint64_t number;      /* number of the last line, counted from 1 */
  bool ended, skipping; /* end of the input; skipping the rest of a line that was cut */
};

enum mtasts_line {
  MTASTS_LINE,
  MTASTS_LINE_LATER, /* a pipe that is empty now; only if `wait` is false */
  MTASTS_LINE_END,
  MTASTS_LINE_ERROR, /* errno is set */
};

bool mtasts_lines_init(struct mtasts_lines *lines, int fd, size_t max);
/* Returns the line without its end (LF or CRLF), and the first line without a byte order mark. It
 * is valid until the next call. */
enum mtasts_line mtasts_lines_next(struct mtasts_lines *lines, bool wait, struct mtasts_span *line);
void mtasts_lines_free(struct mtasts_lines *lines);

#endif
