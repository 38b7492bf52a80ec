/*
 * progress.h: a progress bar on standard error, where that is a terminal.
 */
#ifndef MTASTS_TOOL_PROGRESS_H
#define MTASTS_TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct mtasts_progress {
  bool shown;
  uint64_t total; /* 0: unknown */
  double started; /* seconds of the monotonic clock */
};

double mtasts_seconds(void);

void mtasts_progress_begin(struct mtasts_progress *progress, bool shown, uint64_t total);
void mtasts_progress_draw(const struct mtasts_progress *progress, uint64_t done);

/* Wipes the bar away, so that lines can be printed. */
void mtasts_progress_wipe(const struct mtasts_progress *progress);

#endif
