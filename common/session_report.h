/*
 * session_report.h: writes the outcome of an SMTP session as a datagram for mtastsd's outcome
 * socket: one JSON object in libtlsrpt's form. The Exim plugin and `mtasts outcome follow` send it.
 * Pure.
 */
#ifndef MTASTS_SESSION_REPORT_H
#define MTASTS_SESSION_REPORT_H

#include "domain_decision.h"
#include "strbuf.h"
#include "tlsrpt.h"

enum {
  MTASTS_DATAGRAM_MAX = 64 << 10, /* bytes that mtastsd reads */
};

/* A span may be empty, which means that it is unknown. */
struct mtasts_session_report {
  const struct mtasts_domain_decision *decided;
  enum mtasts_result_type result; /* SUCCESS, or why the session failed */
  bool dane;                      /* DANE judged the session, not the policy */
  struct mtasts_span reason;      /* failure-reason-code */
  struct mtasts_span mx;          /* the name in the MX record */
  struct mtasts_span helo;        /* the name that the MX host gave itself */
  struct mtasts_span address;     /* the MX host's */
  struct mtasts_span sender;      /* our own address */
  struct mtasts_span tlsa_base;   /* DANE: the TLSA base domain; empty: the domain itself */
  struct mtasts_span tlsa;        /* DANE: the TLSA records, separated by colons */
};

/* text: MTASTS_DATAGRAM_MAX bytes. A policy that does not fit is left out, as are TLSA records. A
 * session of a domain whose policy could not be had is reported as that failure (RFC 8460 section
 * 4.3.2.2). */
void mtasts_session_report_write(const struct mtasts_session_report *report,
                                 struct mtasts_strbuf *text);

#endif
