/*
 * log_level.h: the level, the sink and the greatest length of a log line, for log.h, log_repeat.h
 * and log_sink.h.
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
