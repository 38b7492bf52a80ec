/*
 * log_outcome.h: from a session that a log tells of, and what is known of the recipient's domain,
 * to an outcome for TLS reports; or why the log does not say enough. Pure.
 *
 * A log names no policy. So the policy is the one that mtastsd knows now, and a session counts only
 * if its host is an MX host of the recipient's domain: mail may go to a smart host, whose policy
 * governs then (RFC 8461 section 3.4), and the log does not say so.
 */
#ifndef MTASTS_REPORT_LOG_OUTCOME_H
#define MTASTS_REPORT_LOG_OUTCOME_H

#include "mta_log.h"
#include "session_report.h"

enum mtasts_log_untold {
  MTASTS_LOG_TOLD,          /* the outcome is known */
  MTASTS_LOG_NOTHING_KNOWN, /* mtastsd knows nothing of the domain */
  MTASTS_LOG_OTHER_HOST,    /* the host is no MX host of the domain */
  MTASTS_LOG_NO_TLS_LINES,  /* the log has no lines about TLS, or they are of another program */
  MTASTS_LOG_NOT_CHECKED,   /* a policy or DANE asks more of the certificate than was checked */
  MTASTS_LOG_UNTOLD_COUNT,
};

/* Why, in words, and what the postmaster can do: a sentence. "" for MTASTS_LOG_TOLD. */
const char *mtasts_log_untold_text(enum mtasts_log_untold untold);

/* MTASTS_LOG_TOLD: *report is set; it points into session and decided. */
enum mtasts_log_untold mtasts_log_outcome(const struct mtasts_log_session *session,
                                          const struct mtasts_domain_decision *decided,
                                          struct mtasts_session_report *report);

#endif
