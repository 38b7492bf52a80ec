#include "clock_watch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "damaged.h"
#include "files.h"

/* 2026-01-01: for this version, a clock that shows an earlier time is wrong. */
static const int64_t made = 1767225600;

static bool is_behind(const struct mtasts_clock_watch *watch, int64_t now) {
  return now < watch->least - MTASTS_CLOCK_DOUBT;
}

void mtasts_clock_begin(struct mtasts_clock_watch *watch, int64_t now, int64_t uptime,
                        int64_t least) {
  *watch = (struct mtasts_clock_watch){
      .distance = now - uptime,
      .even = uptime,
      .least = least > made ? least : made,
  };
  watch->behind = is_behind(watch, now);
}

int64_t mtasts_clock_look(struct mtasts_clock_watch *watch, int64_t now, int64_t uptime) {
  int64_t jump = now - uptime - watch->distance;
  watch->distance = now - uptime;
  if (llabs(jump) < MTASTS_CLOCK_JUMP) {
    if (uptime - watch->even >= MTASTS_CLOCK_SETTLED)
      watch->off = 0;
    jump = 0;
  } else {
    watch->off += jump;
    /* The clock was behind and has been corrected. */
    if (watch->behind && !is_behind(watch, now))
      watch->off = 0;
    watch->even = uptime;
  }
  watch->behind = is_behind(watch, now);
  return jump;
}

bool mtasts_clock_in_doubt(const struct mtasts_clock_watch *watch) {
  return watch->behind || llabs(watch->off) >= MTASTS_CLOCK_DOUBT;
}

bool mtasts_clock_settled(const struct mtasts_clock_watch *watch, int64_t uptime) {
  return uptime - watch->even >= MTASTS_CLOCK_SETTLED && !watch->behind;
}

static int64_t written(const char *directory, const char *name) {
  struct stat file;
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path ||
      stat(path, &file) != 0)
    return 0;
  return (int64_t)file.st_mtim.tv_sec;
}

int64_t mtasts_clock_written(const char *directory) {
  int64_t data = written(directory, MTASTS_FILE_DATA);
  /* A start that ended early may have renamed the one and not made the other. */
  return data != 0 ? data : written(directory, MTASTS_FILE_DAMAGED);
}

int64_t mtasts_clock_uptime(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (int64_t)now.tv_sec;
}
