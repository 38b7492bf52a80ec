/*
 * progress.h: a progress bar on standard error, if that is a terminal.
 *
 * Rate and time left are those of the last seconds: cached domains, which are skipped at first, say
 * nothing about the rest. The line is never longer than the terminal's, so that erasing it erases
 * all of it.
 */
#ifndef MTASTS_TOOL_PROGRESS_H
#define MTASTS_TOOL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  MTASTS_PROGRESS_SECONDS = 5, /* that the rate covers */
};

struct mtasts_progress {
  bool shown;
  uint64_t total; /* 0: unknown */
  double started; /* seconds of the monotonic clock */

  /* One point per second; the oldest one is at `oldest`. */
  struct {
    double time;
    uint64_t done;
  } points[MTASTS_PROGRESS_SECONDS + 1];
  size_t oldest, count;
};

double mtasts_seconds(void);

void mtasts_progress_begin(struct mtasts_progress *progress, bool shown, uint64_t total);

/* Draws the bar again, as a temporary line (out.h). done: at most the total. */
void mtasts_progress_draw(struct mtasts_progress *progress, uint64_t done);

/* The rate per second since the oldest point. Adds `done` at `now` as a point if the last point is
 * a second old. */
double mtasts_progress_rate(struct mtasts_progress *progress, uint64_t done, double now);

/* The line for a terminal of `columns` columns. The last column stays empty, because some terminals
 * wrap there. Returns text. */
const char *mtasts_progress_line(const struct mtasts_progress *progress, uint64_t done, double rate,
                                 size_t columns, char *text, size_t size);

#endif
