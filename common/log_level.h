/*
 * log_level.h: what log.h, log_repeat.h and log_sink.h say of a line: its level, where it goes, and
 * how long it may be.
 */
#ifndef MTASTS_LOG_LEVEL_H
#define MTASTS_LOG_LEVEL_H

enum mtasts_log_sink {
  MTASTS_LOG_SYSLOG, /* facility mail */
  MTASTS_LOG_STDERR,
};

enum mtasts_log_level {
  MTASTS_LOG_ERROR,
  MTASTS_LOG_WARNING,
  MTASTS_LOG_INFO,
  MTASTS_LOG_DEBUG,
};

enum {
  MTASTS_LOG_LINE_MAX = 2048, /* bytes; a longer line is cut */
};

#endif
