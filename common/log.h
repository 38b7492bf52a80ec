/*
 * log.h: the log of a program, modelled on OpenBSD's log.h.
 *
 * A line is text and `key=value` pairs. All bytes from a peer pass through mtasts_log_value, so
 * that they can forge neither a key nor a quote. No line contains a control byte, whatever was
 * formatted into it. Any thread may log; only main opens the log.
 *
 * Logging never waits for the reader of the log (log_sink.h). Repeated lines are counted and summed
 * up (log_repeat.h).
 */
#ifndef MTASTS_LOG_H
#define MTASTS_LOG_H

#include "log_level.h"
#include "mtasts.h"

/*
 * Until it is called, lines up to INFO go to standard error. program must outlive the log. limit:
 * the least important level that is written.
 */
void mtasts_log_open(const char *program, enum mtasts_log_sink sink, enum mtasts_log_level limit);

__attribute__((format(printf, 2, 3))) void mtasts_log(enum mtasts_log_level level,
                                                      const char *format, ...);

/* Writes the counts of repeated lines. Call it from time to time; otherwise the counts wait for the
 * next line. */
void mtasts_log_flush_repeated(void);

/* Writes the waiting lines, for at most half a second. Call it before the process ends. */
void mtasts_log_close(void);

/*
 * The value of a `key=value` pair. It stays as it is if it has only visible ASCII without quotes,
 * `=` and `\`; else it is put in double quotes with \" \\ \xHH. Cuts and terminates as
 * mtasts_printable does; out_size is at least 3.
 */
size_t mtasts_log_value(struct mtasts_span bytes, char *out, size_t out_size);

#endif
