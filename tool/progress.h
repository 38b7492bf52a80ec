/*
 * progress.h: a progress bar on standard error, where that is a terminal.
 *
 * Rate and time left are those of the last seconds: what is passed over at first, as it is cached,
 * says nothing of the rest. A line never exceeds the terminal's, so that wiping it away wipes all.
 */
#ifndef MTASTS_TOOL_PROGRESS_H
#define MTASTS_TOOL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  MTASTS_PROGRESS_SECONDS = 5, /* that the rate is of */
};

struct mtasts_progress {
  bool shown;
  uint64_t total; /* 0: unknown */
  double started; /* seconds of the monotonic clock */

  /* A point a second, the oldest one at `oldest`. */
  struct {
    double time;
    uint64_t done;
  } points[MTASTS_PROGRESS_SECONDS + 1];
  size_t oldest, count;
};

double mtasts_seconds(void);

void mtasts_progress_begin(struct mtasts_progress *progress, bool shown, uint64_t total);

/* Draws it anew, as a passing line (out.h); done: of the total, at most. */
void mtasts_progress_draw(struct mtasts_progress *progress, uint64_t done);

/* How many a second it has been since the oldest point. Notes `done` at `now`, if a second has gone
 * by since the last point. */
double mtasts_progress_rate(struct mtasts_progress *progress, uint64_t done, double now);

/* The line of a terminal so many columns wide, none of which is the last one: some wrap there.
 * Returns text. */
const char *mtasts_progress_line(const struct mtasts_progress *progress, uint64_t done, double rate,
                                 size_t columns, char *text, size_t size);

#endif
