/*
 * watch_text.h: the changes that `mtasts watch` has found, as text, as JSON lines and as a mail,
 * and the state of all domains for Prometheus.
 */
#ifndef MTASTS_TOOL_WATCH_TEXT_H
#define MTASTS_TOOL_WATCH_TEXT_H

#include <stdio.h>

#include "changes.h"
#include "check_run.h"

/* A change, in words for people. */
void mtasts_watch_text(FILE *stream, const char *domain, const struct mtasts_changed *changed);

/* A change, as one line of JSON. */
void mtasts_watch_json(FILE *stream, const char *domain, const struct mtasts_changed *changed);

/* A whole mail: header and body. from: "" leaves the field to sendmail. subject, body: printable
 * ASCII, lines end in LF. */
void mtasts_watch_mail(FILE *stream, const char *from, const char *to, const char *subject,
                       const char *body);

/* The state of all domains in Prometheus' text format: each metric's lines together, each series
 * once. */
void mtasts_watch_metrics(FILE *stream, int64_t now, const struct mtasts_domain *domains,
                          const struct mtasts_check_results *results);

#endif
