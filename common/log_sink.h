/*
 * log_sink.h: writes log lines to the system log or to standard error; for log.c only. It never
 * waits for a system log that does not read, for example if journald is stopped or its disk is
 * full. It never waits for a pipe without a reader either.
 *
 * A line that cannot be written at once is queued, in order, in a buffer of MTASTS_LOG_WAITING
 * bytes. A thread writes the queued lines, and ends when there are none. Lines for which there is
 * no room are counted, and the count is written after the queued lines.
 *
 * Each line for the system log is one datagram to /dev/log, in the form of glibc's syslog(3) (RFC
 * 3164). The socket is not connected, so a restarted syslogd gets the lines as well. A syslogd that
 * expects a stream there gets none; Debian has no such syslogd.
 *
 * Any thread; only main opens it.
 */
#ifndef MTASTS_LOG_SINK_H
#define MTASTS_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log_level.h"

enum {
  MTASTS_LOG_WAITING = 256 << 10, /* bytes of lines */
  MTASTS_LOG_HEAD = 128,          /* bytes before a line's text, at most */
};

/* path: of the system log's socket; NULL: /dev/log. */
void mtasts_log_sink_open(enum mtasts_log_sink sink, const char *path);

/* Writes the line, of at most MTASTS_LOG_LINE_MAX bytes, after its prefix. */
void mtasts_log_sink_write(enum mtasts_log_level level, const char *program, const char *text);

/* Waits until all queued lines are written, for at most `ms` milliseconds. */
void mtasts_log_sink_drain(int ms);

#endif
