#include "log.h"

#include "ascii.h"
#include "printable.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

static struct {
  const char *program;
  enum mtasts_log_sink sink;
  enum mtasts_log_level limit;
} log_state = {"mtasts", MTASTS_LOG_STDERR, MTASTS_LOG_INFO};

static int priority(enum mtasts_log_level level) {
  switch (level) {
  case MTASTS_LOG_ERROR:
    return LOG_ERR;
  case MTASTS_LOG_WARNING:
    return LOG_WARNING;
  case MTASTS_LOG_INFO:
    return LOG_INFO;
  case MTASTS_LOG_DEBUG:
    return LOG_DEBUG;
  }
  return LOG_ERR;
}

void mtasts_log_open(const char *program, enum mtasts_log_sink sink, enum mtasts_log_level limit) {
  log_state.program = program;
  log_state.sink = sink;
  log_state.limit = limit;
  if (sink == MTASTS_LOG_SYSLOG)
    openlog(program, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

/* Where nobody reads the log, a line is lost, rather than that who writes it waits for ever. */
static bool has_room(FILE *file) {
  struct pollfd out = {.fd = fileno(file), .events = POLLOUT};
  return poll(&out, 1, 0) != 0;
}

void mtasts_log(enum mtasts_log_level level, const char *format, ...) {
  char text[MTASTS_LOG_LINE_MAX];
  char line[MTASTS_LOG_LINE_MAX];
  if (level > log_state.limit)
    return;
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (n < 0)
    return;
  size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
  mtasts_printable((struct mtasts_span){text, len}, line, sizeof line);
  if (log_state.sink == MTASTS_LOG_SYSLOG)
    syslog(priority(level), "%s", line);
  else if (has_room(stderr))
    fprintf(stderr, "%s: %s\n", log_state.program, line);
}

static bool is_bare(char c) {
  return mtasts_is_visible(c) && c != '"' && c != '\'' && c != '=' && c != '\\';
}

size_t mtasts_log_value(struct mtasts_span bytes, char *out, size_t out_size) {
  bool bare = bytes.len > 0;
  for (size_t i = 0; i < bytes.len && bare; i++)
    bare = is_bare(bytes.data[i]);
  if (bare)
    return mtasts_printable(bytes, out, out_size);

  size_t n = 0;
  out[n++] = '"';
  for (size_t i = 0; i < bytes.len; i++) {
    char one[5];
    size_t len = 0;
    if (bytes.data[i] == '"' || bytes.data[i] == '\\')
      one[len++] = '\\';
    len += mtasts_printable((struct mtasts_span){&bytes.data[i], 1}, one + len, sizeof one - len);
    if (out_size - n < len + 2)
      break;
    memcpy(out + n, one, len);
    n += len;
  }
  out[n++] = '"';
  out[n] = '\0';
  return n;
}
