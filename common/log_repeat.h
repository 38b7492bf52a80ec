/*
 * log_repeat.h: limits repeated log lines; for log.c only. The first MTASTS_LOG_SAME equal lines of
 * a minute are written. The others are counted, and one line reports their number. So a line that
 * an attacker can cause at will cannot fill the disk.
 *
 * It keeps the last MTASTS_LOG_TEXTS different lines, so that a few that alternate are recognised
 * too. A plain value, for one thread at a time; times are milliseconds of a clock that does not
 * jump.
 */
#ifndef MTASTS_LOG_REPEAT_H
#define MTASTS_LOG_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "log_level.h"

enum {
  MTASTS_LOG_TEXTS = 16,
  MTASTS_LOG_SAME = 10,
  MTASTS_LOG_MINUTE = 60000,
  MTASTS_LOG_TEXT = 240, /* bytes kept of a text, with the NUL */
};

struct mtasts_log_text {
  uint64_t hash; /* of the whole text */
  enum mtasts_log_level level;
  int64_t since;  /* the start of its minute */
  unsigned count; /* in that minute; 0: this slot is free */
  char text[MTASTS_LOG_TEXT];
};

struct mtasts_log_repeat {
  struct mtasts_log_text texts[MTASTS_LOG_TEXTS];
};

/* Is the line to be written? Counts it. */
bool mtasts_log_repeat_admits(struct mtasts_log_repeat *repeat, enum mtasts_log_level level,
                              const char *text, int64_t now);

/*
 * Finds a text of which lines were left out and whose minute is over; with force, whatever its
 * minute. Removes it, and writes to `line` how many were left out. False: there is none. Before
 * each line, call it until it returns false.
 */
bool mtasts_log_repeat_sum(struct mtasts_log_repeat *repeat, int64_t now, bool force,
                           enum mtasts_log_level *level, char line[MTASTS_LOG_LINE_MAX]);

#endif
