#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
  BAR = 30, /* columns */
};

double mtasts_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void mtasts_progress_begin(struct mtasts_progress *progress, bool shown, uint64_t total) {
  *progress = (struct mtasts_progress){shown, total, mtasts_seconds()};
  mtasts_progress_draw(progress, 0);
}

void mtasts_progress_draw(const struct mtasts_progress *progress, uint64_t done) {
  if (!progress->shown)
    return;
  double spent = mtasts_seconds() - progress->started;
  double rate = spent > 0 ? (double)done / spent : 0;
  if (progress->total == 0) {
    fprintf(stderr, "\r%" PRIu64 " domains  %.0f/s\033[K", done, rate);
    return;
  }
  char bar[BAR + 1];
  uint64_t left = progress->total > done ? progress->total - done : 0;
  size_t filled = (size_t)(BAR - (double)BAR * (double)left / (double)progress->total);
  memset(bar, ' ', BAR);
  memset(bar, '#', filled < BAR ? filled : BAR);
  bar[BAR] = '\0';
  fprintf(stderr, "\r[%s] %" PRIu64 "/%" PRIu64 "  %.0f/s", bar, done, progress->total, rate);
  if (rate > 0) {
    unsigned long wait = (unsigned long)((double)left / rate + 0.5);
    fprintf(stderr, "  %lu:%02lu left", wait / 60, wait % 60);
  }
  fputs("\033[K", stderr);
}

void mtasts_progress_wipe(const struct mtasts_progress *progress) {
  if (progress->shown)
    fputs("\r\033[K", stderr);
}
