/*
 * outcome_format.h: the end of a session, outcome: as a datagram for whoever collects TLS-RPT
 * outcomes, in libtlsrpt's form (one JSON object, no reply), and as one line for people. Pure.
 */
#ifndef MTASTS_PLUGIN_OUTCOME_FORMAT_H
#define MTASTS_PLUGIN_OUTCOME_FORMAT_H

#include "event.h"
#include "strbuf.h"

enum {
  MTASTS_DATAGRAM_MAX = 64 << 10, /* bytes that a collector reads */
};

struct mtasts_smtp_session_outcome {
  const struct mtasts_domain_decision *decided;
  const struct mtasts_smtp_session *session;
  struct mtasts_smtp_session_ending ending;
  struct mtasts_span detail; /* what Exim said of it; may be empty */
  struct mtasts_span sender; /* our own address; may be empty */
};

/* The datagram; text: MTASTS_DATAGRAM_MAX bytes. A policy too long for one is left out. */
void mtasts_outcome_format_datagram(const struct mtasts_smtp_session_outcome *outcome,
                                    struct mtasts_strbuf *text);

/* The log line of a failure that keeps mail back, or would but for site_mode. */
void mtasts_outcome_format_line(const struct mtasts_smtp_session_outcome *outcome,
                                struct mtasts_strbuf *text);

#endif
