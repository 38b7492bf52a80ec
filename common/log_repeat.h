/*
 * log_repeat.h: log lines that say the same again and again, for log.c alone. Of each, the first
 * MTASTS_LOG_SAME of a minute are written, the others are counted, and one line says how many they
 * were. What an attacker can have logged as often as it likes fills no disk, then.
 *
 * It keeps the MTASTS_LOG_TEXTS last lines, so that a few that take turns are found too. A plain
 * value, for one thread at a time; times are milliseconds of a clock that does not jump.
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
  MTASTS_LOG_TEXT = 240, /* bytes that are kept of a text, with the NUL */
};

struct mtasts_log_text {
  uint64_t hash; /* of all of it */
  enum mtasts_log_level level;
  int64_t since;  /* its minute's begin */
  unsigned count; /* in that minute; 0: the place is free */
  char text[MTASTS_LOG_TEXT];
};

struct mtasts_log_repeat {
  struct mtasts_log_text texts[MTASTS_LOG_TEXTS];
};

/* Whether the line is to be written. */
bool mtasts_log_repeat_admits(struct mtasts_log_repeat *repeat, enum mtasts_log_level level,
                              const char *text, int64_t now);

/*
 * Takes out a text whose minute is over, or any with force, of which lines were left out: writes a
 * line that says so. False: there is none. To be called until then, before each line.
 */
bool mtasts_log_repeat_sum(struct mtasts_log_repeat *repeat, int64_t now, bool force,
                           enum mtasts_log_level *level, char line[MTASTS_LOG_LINE_MAX]);

#endif
