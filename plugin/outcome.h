/*
 * outcome.h: the end of a session, told: as a datagram for whoever collects TLS-RPT outcomes, in
 * libtlsrpt's form (one JSON object, no reply), and as one line for people. Pure.
 */
#ifndef MTASTS_PLUGIN_OUTCOME_H
#define MTASTS_PLUGIN_OUTCOME_H

#include "event.h"
#include "text.h"

enum {
  MTASTS_DATAGRAM_MAX = 64 << 10, /* bytes that a collector reads */
};

struct mtasts_told {
  const struct mtasts_known *known;
  const struct mtasts_session *session;
  struct mtasts_ending ending;
  struct mtasts_span detail; /* what Exim said of it; may be empty */
  struct mtasts_span sender; /* our own address; may be empty */
};

/* The datagram; text: MTASTS_DATAGRAM_MAX bytes. A policy too long for one is left out. */
void mtasts_outcome_datagram(const struct mtasts_told *told, struct mtasts_text *text);

/* The log line of a failure that keeps mail back, or would but for site_mode. */
void mtasts_outcome_line(const struct mtasts_told *told, struct mtasts_text *text);

#endif
