/*
 * log.h: the one place where a program's log lines go, after OpenBSD's log.h.
 *
 * A line is text and `key=value` pairs. Whatever a peer sent goes through
 * mtasts_log_value, so that it can forge neither a key nor a quote; and no line, whatever was
 * formatted into it, leaves with a control byte. Any thread may log; opening is for main.
 *
 * Who logs never waits for who reads the log (log_sink.h). The same line again and again is summed
 * up (log_repeat.h).
 */
#ifndef MTASTS_LOG_H
#define MTASTS_LOG_H

#include "log_level.h"
#include "mtasts.h"

/*
 * Until it is called, lines up to INFO go to standard error. program must outlive the log.
 * limit: the last level that is written.
 */
void mtasts_log_open(const char *program, enum mtasts_log_sink sink, enum mtasts_log_level limit);

__attribute__((format(printf, 2, 3))) void mtasts_log(enum mtasts_log_level level,
                                                      const char *format, ...);

/* Writes what is to be said of repeated lines. To be called from time to time; without it that
 * waits for the next line. */
void mtasts_log_flush_repeated(void);

/* Writes what is left, for at most half a second: before the process ends. */
void mtasts_log_close(void);

/*
 * The value of a `key=value` pair: as it is where it has only visible ASCII without quotes,
 * `=` and `\`, else in double quotes with \" \\ \xHH. Cuts and ends as mtasts_printable does;
 * out_size is at least 3.
 */
size_t mtasts_log_value(struct mtasts_span bytes, char *out, size_t out_size);

#endif
