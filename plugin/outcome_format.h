/*
 * outcome_format.h: the outcome of a session, in two forms. One is a datagram for a collector of
 * TLS-RPT outcomes, in libtlsrpt's form (one JSON object, no reply); the other is a log line. Pure.
 */
#ifndef MTASTS_PLUGIN_OUTCOME_FORMAT_H
#define MTASTS_PLUGIN_OUTCOME_FORMAT_H

#include "event.h"
#include "session_report.h"

struct mtasts_smtp_session_outcome {
  const struct mtasts_domain_decision *decided;
  const struct mtasts_smtp_session *session;
  struct mtasts_smtp_session_ending ending;
  struct mtasts_span detail; /* Exim's error text; may be empty */
  struct mtasts_span sender; /* our own address; may be empty */
  struct mtasts_span tlsa;   /* DANE: the TLSA records, separated by colons; may be empty */
};

/* Writes the datagram (session_report.h). */
void mtasts_outcome_format_datagram(const struct mtasts_smtp_session_outcome *outcome,
                                    struct mtasts_strbuf *text);

/* Writes the log line of a failure that keeps mail back, or that would if site_mode were enforce.
 */
void mtasts_outcome_format_line(const struct mtasts_smtp_session_outcome *outcome,
                                struct mtasts_strbuf *text);

#endif
