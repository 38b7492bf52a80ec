#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"
#include "out.h"

enum {
  BAR = 30, /* columns */
  BAR_LEAST = 5,
  BAR_EDGES = 3, /* "[", "] " */
  COLUMNS = 80,  /* of a terminal that does not report its width */
  LINE_SIZE = 256,
  POINTS = MTASTS_PROGRESS_SECONDS + 1,
};

double mtasts_seconds(void) {
  return (double)mtasts_clock_us() / 1e6;
}

static size_t columns(void) {
  struct winsize size;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS;
}

void mtasts_progress_begin(struct mtasts_progress *progress, bool shown, uint64_t total) {
  *progress = (struct mtasts_progress){.shown = shown, .total = total, .started = mtasts_seconds()};
  mtasts_progress_draw(progress, 0);
}

double mtasts_progress_rate(struct mtasts_progress *progress, uint64_t done, double now) {
  size_t newest = (progress->oldest + progress->count - 1) % POINTS;
  if (progress->count == 0 || now - progress->points[newest].time >= 1) {
    if (progress->count == POINTS)
      progress->oldest = (progress->oldest + 1) % POINTS;
    else
      progress->count++;
    newest = (progress->oldest + progress->count - 1) % POINTS;
    progress->points[newest].time = now;
    progress->points[newest].done = done;
  }
  double spent = now - progress->points[progress->oldest].time;
  return spent > 0 ? (double)(done - progress->points[progress->oldest].done) / spent : 0;
}

/* "  1:02:03 left" */
static void format_left(double seconds, char *text, size_t size) {
  const uint64_t left = (uint64_t)(seconds + 0.5);
  const uint64_t minutes = left / 60;
  if (minutes >= 60)
    snprintf(text, size, "  %" PRIu64 ":%02u:%02u left", minutes / 60, (unsigned)(minutes % 60),
             (unsigned)(left % 60));
  else
    snprintf(text, size, "  %u:%02u left", (unsigned)minutes, (unsigned)(left % 60));
}

/* "[####      ] ", if there is enough room; else "". */
static void format_bar(const struct mtasts_progress *progress, uint64_t done, size_t room,
                       char text[BAR + BAR_EDGES + 1]) {
  size_t width = room < BAR_EDGES + BAR ? room - BAR_EDGES : BAR;
  *text = '\0';
  if (room < BAR_EDGES + BAR_LEAST)
    return;
  mtasts_bar((double)done / (double)progress->total, width, text);
  memcpy(text + width + 2, " ", sizeof " ");
}

const char *mtasts_progress_line(const struct mtasts_progress *progress, uint64_t done, double rate,
                                 size_t width, char *text, size_t size) {
  char bar[BAR + BAR_EDGES + 1] = "";
  char words[LINE_SIZE];
  char left[LINE_SIZE / 2] = "";
  const uint64_t total = progress->total;
  if (total == 0) {
    snprintf(words, sizeof words, "%" PRIu64 " domains  %.0f/s", done, rate);
  } else {
    if (rate > 0)
      format_left((double)(total > done ? total - done : 0) / rate, left, sizeof left);
    int length =
        snprintf(words, sizeof words, "%" PRIu64 "/%" PRIu64 "  %.0f/s%s", done, total, rate, left);
    if ((size_t)length < width)
      format_bar(progress, done, width - (size_t)length - 1, bar);
  }
  snprintf(text, width > 0 && width < size ? width : size, "%s%s", bar, words);
  return text;
}

void mtasts_progress_draw(struct mtasts_progress *progress, uint64_t done) {
  char line[LINE_SIZE];
  if (!progress->shown)
    return;
  double rate = mtasts_progress_rate(progress, done, mtasts_seconds());
  mtasts_passing_line(mtasts_progress_line(progress, done, rate, columns(), line, sizeof line));
}
