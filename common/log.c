#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "ascii.h"
#include "clock.h"
#include "log_repeat.h"
#include "log_sink.h"
#include "printable.h"

enum {
  CLOSE_MS = 500,
};

static struct {
  const char *program;
  enum mtasts_log_level limit;
  pthread_mutex_t lock; /* protects `repeat` */
  struct mtasts_log_repeat repeat;
} log_state = {.program = "mtasts", .limit = MTASTS_LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER};

void mtasts_log_open(const char *program, enum mtasts_log_sink sink, enum mtasts_log_level limit) {
  log_state.program = program;
  log_state.limit = limit;
  mtasts_log_sink_open(sink, NULL);
}

/* Writes the counts of repeated lines. force: of all of them, at the end. */
static void sum_up(int64_t now, bool force) {
  char line[MTASTS_LOG_LINE_MAX];
  enum mtasts_log_level level;
  bool more;
  do {
    pthread_mutex_lock(&log_state.lock);
    more = mtasts_log_repeat_sum(&log_state.repeat, now, force, &level, line);
    pthread_mutex_unlock(&log_state.lock);
    if (more)
      mtasts_log_sink_write(level, log_state.program, line);
  } while (more);
}

void mtasts_log_flush_repeated(void) {
  sum_up(mtasts_clock_ms(), false);
}

void mtasts_log_close(void) {
  sum_up(mtasts_clock_ms(), true);
  mtasts_log_sink_drain(CLOSE_MS);
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
  int64_t now = mtasts_clock_ms();
  sum_up(now, false);
  pthread_mutex_lock(&log_state.lock);
  bool admitted = mtasts_log_repeat_admits(&log_state.repeat, level, line, now);
  pthread_mutex_unlock(&log_state.lock);
  if (admitted)
    mtasts_log_sink_write(level, log_state.program, line);
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
