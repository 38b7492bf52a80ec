/*
 * log_sink.h: where log lines go, for log.c alone. Nobody ever waits here: not for a system log
 * that does not read, as when journald is stopped or its disk is full, and not for a pipe that
 * nobody reads.
 *
 * A line that does not go out at once waits, in its turn, with at most MTASTS_LOG_WAITING bytes of
 * others, and a thread that lives as long as any wait takes them there. Lines for which there is no
 * room are counted, and the count is written when the others are.
 *
 * The system log is reached by datagrams to /dev/log, one a line, in the form of glibc's syslog(3)
 * (RFC 3164). A syslogd that was restarted gets them without more ado, since nothing is connected.
 * One that takes a stream there, as none of Debian's does, gets none.
 *
 * Any thread; opening is for main.
 */
#ifndef MTASTS_LOG_SINK_H
#define MTASTS_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log_level.h"

enum {
  MTASTS_LOG_WAITING = 256 << 10, /* bytes of lines */
  MTASTS_LOG_HEAD = 128,          /* bytes in front of a line's text, at most */
};

/* path: of the system log's socket; NULL: /dev/log. */
void mtasts_log_sink_open(enum mtasts_log_sink sink, const char *path);

/* Writes the line, of at most MTASTS_LOG_LINE_MAX bytes, with what comes in front of it. */
void mtasts_log_sink_write(enum mtasts_log_level level, const char *program, const char *text);

/* Waits until nothing waits any more, but no longer than so many milliseconds. */
void mtasts_log_sink_drain(int ms);

#endif
