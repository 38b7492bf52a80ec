#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "out.h"

static bool is_stdin(const char *path) {
  return !path || strcmp(path, "-") == 0;
}

const char *mtasts_input_name(const char *path) {
  return is_stdin(path) ? "standard input" : path;
}

static int exit_code_of(int error) {
  switch (error) {
  case ENOENT:
  case ENOTDIR:
    return MTASTS_EXIT_NOFILE;
  case EACCES:
  case EPERM:
    return MTASTS_EXIT_DENIED;
  default:
    return MTASTS_EXIT_IO;
  }
}

int mtasts_input_open(const char *path, int *code) {
  struct stat status;
  int fd = is_stdin(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0 && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
    if (!is_stdin(path))
      close(fd);
    fd = -1;
    errno = EISDIR;
  }
  if (fd < 0) {
    *code = exit_code_of(errno);
    mtasts_print_error(mtasts_input_name(path), "%s", strerror(errno));
  }
  return fd;
}

/* Fills the buffer; returns its bytes, or -1 with errno set. */
static ssize_t read_full(int fd, char *buffer, size_t size) {
  size_t used = 0;
  while (used < size) {
    ssize_t got = read(fd, buffer + used, size - used);
    if (got == 0)
      break;
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    used += (size_t)got;
  }
  return (ssize_t)used;
}

int mtasts_input_all(const char *path, size_t max, char **bytes, size_t *size) {
  int code = MTASTS_EXIT_OK;
  int fd = mtasts_input_open(path, &code);
  if (fd < 0)
    return code;
  char *buffer = malloc(max + 1);
  ssize_t got = buffer ? read_full(fd, buffer, max + 1) : -1;
  if (got < 0) {
    mtasts_print_error(mtasts_input_name(path), "%s", strerror(errno));
    free(buffer);
    code = MTASTS_EXIT_IO;
  } else {
    *bytes = buffer;
    *size = (size_t)got;
  }
  if (!is_stdin(path))
    close(fd);
  return code;
}

/* Lines */

bool mtasts_lines_init(struct mtasts_lines *lines, int fd, size_t max) {
  /* Has room for more than the longest line and its end, so that a read takes many lines. */
  *lines = (struct mtasts_lines){.fd = fd, .max = max, .size = max + 65536};
  lines->buffer = malloc(lines->size);
  return lines->buffer != NULL;
}

void mtasts_lines_free(struct mtasts_lines *lines) {
  free(lines->buffer);
  lines->buffer = NULL;
}

/* Reads more bytes after those that are there. */
static enum mtasts_line fill(struct mtasts_lines *lines, bool wait) {
  struct pollfd ready = {.fd = lines->fd, .events = POLLIN};
  if (!wait && poll(&ready, 1, 0) == 0)
    return MTASTS_LINE_LATER;
  memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
  lines->end -= lines->start;
  lines->start = 0;
  ssize_t got;
  do
    got = read(lines->fd, lines->buffer + lines->end, lines->size - lines->end);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return errno == EAGAIN && !wait ? MTASTS_LINE_LATER : MTASTS_LINE_ERROR;
  lines->ended = got == 0;
  lines->end += (size_t)got;
  return MTASTS_LINE;
}

/* Skips the rest of a line that was cut. */
static enum mtasts_line skip_rest(struct mtasts_lines *lines, bool wait) {
  for (;;) {
    char *from = lines->buffer + lines->start;
    char *newline = memchr(from, '\n', lines->end - lines->start);
    if (newline) {
      lines->start += (size_t)(newline - from) + 1;
      lines->skipping = false;
      return MTASTS_LINE;
    }
    lines->start = lines->end;
    if (lines->ended)
      return MTASTS_LINE_END;
    enum mtasts_line filled = fill(lines, wait);
    if (filled != MTASTS_LINE)
      return filled;
  }
}

/* Some editors put a byte order mark before the first line. */
static struct mtasts_span without_mark(const struct mtasts_lines *lines, struct mtasts_span line) {
  static const char mark[] = "\xef\xbb\xbf";
  const size_t size = sizeof mark - 1;
  if (lines->number == 1 && line.len >= size && memcmp(line.data, mark, size) == 0)
    return (struct mtasts_span){line.data + size, line.len - size};
  return line;
}

enum mtasts_line mtasts_lines_next(struct mtasts_lines *lines, bool wait,
                                   struct mtasts_span *line) {
  if (lines->skipping) {
    enum mtasts_line skipped = skip_rest(lines, wait);
    if (skipped != MTASTS_LINE)
      return skipped;
  }
  for (;;) {
    char *from = lines->buffer + lines->start;
    size_t have = lines->end - lines->start;
    char *newline = memchr(from, '\n', have);
    size_t len = newline ? (size_t)(newline - from) : have;
    if (newline || len > lines->max || (lines->ended && have > 0)) {
      lines->number++;
      lines->start += newline ? len + 1 : len;
      if (len > lines->max) {
        lines->skipping = !newline;
        len = lines->max + 1;
      } else if (newline && len > 0 && from[len - 1] == '\r') {
        len--;
      }
      *line = without_mark(lines, (struct mtasts_span){from, len});
      return MTASTS_LINE;
    }
    if (lines->ended)
      return MTASTS_LINE_END;
    enum mtasts_line filled = fill(lines, wait);
    if (filled != MTASTS_LINE)
      return filled;
  }
}
