#include "log_outcome.h"

#include "ascii.h"
#include "mx_mismatch.h"

const char *mtasts_log_untold_text(enum mtasts_log_untold untold) {
  switch (untold) {
  case MTASTS_LOG_NOTHING_KNOWN:
    return "mtastsd knew nothing of the domain";
  case MTASTS_LOG_OTHER_HOST:
    return "the host is no MX host of the recipient's domain, such as a smart host";
  case MTASTS_LOG_NO_TLS_LINES:
    return "the log has no lines about TLS; Postfix needs smtp_tls_loglevel = 1 without "
           "smtp_tls_connection_reuse, Sendmail LogLevel 9";
  case MTASTS_LOG_NOT_CHECKED:
    return "the MTA did not check the certificate as the domain's policy or DANE asks, as in mode "
           "testing";
  case MTASTS_LOG_TOLD:
  case MTASTS_LOG_UNTOLD_COUNT:
    break;
  }
  return "";
}

static bool is_mx(const struct mtasts_domain_decision *decided, struct mtasts_span host) {
  const struct mtasts_entry *entry = &decided->entry_reply.entry;
  struct mtasts_mx_host mx;
  if (entry->mx_state == MTASTS_MX_IMPLICIT &&
      mtasts_span_equal(host, mtasts_span_of(decided->domain.name)))
    return true;
  for (size_t cursor = 0; mtasts_mx_next(&entry->mx, &cursor, &mx);)
    if (mtasts_span_equal(mx.host, host))
      return true;
  return false;
}

/* A session that the MTA gave up, or one in clear. */
static void set_failure(const struct mtasts_log_session *session,
                        const struct mtasts_domain_decision *decided,
                        struct mtasts_session_report *report) {
  enum mtasts_verdict verdict = decided->decision.verdict;
  report->dane = verdict == MTASTS_VERDICT_DANE || verdict == MTASTS_VERDICT_ENCRYPT;
  report->result = session->tls == MTASTS_LOG_CLEAR ? MTASTS_RESULT_NO_STARTTLS : session->result;
  report->reason = mtasts_span_of(session->reason);
}

/* Postfix before 3.10 compares the policy's names with the certificate alone, so that it may
 * deliver to a host that the policy does not list, or refuse it for its certificate. */
static bool is_unlisted(const struct mtasts_domain_decision *decided, struct mtasts_span host) {
  enum mtasts_verdict verdict = decided->decision.verdict;
  return (verdict == MTASTS_VERDICT_ENFORCE || verdict == MTASTS_VERDICT_TESTING) &&
         !mtasts_decision_lists(&decided->decision, host);
}

/* Does TLS, as far as it was checked, meet what the domain asks? */
static bool suffices(enum mtasts_log_tls tls, enum mtasts_verdict verdict) {
  switch (verdict) {
  case MTASTS_VERDICT_NONE:
  case MTASTS_VERDICT_ENCRYPT:
    return true;
  case MTASTS_VERDICT_ENFORCE:
  case MTASTS_VERDICT_DANE:
    return tls == MTASTS_LOG_VERIFIED;
  case MTASTS_VERDICT_TESTING: /* at level `may` no name is checked */
  case MTASTS_VERDICT_DEFER:
  case MTASTS_VERDICT_UNKNOWN:
    break;
  }
  return false;
}

enum mtasts_log_untold mtasts_log_outcome(const struct mtasts_log_session *session,
                                          const struct mtasts_domain_decision *decided,
                                          struct mtasts_session_report *report) {
  struct mtasts_span host = mtasts_span_of(session->host);
  enum mtasts_verdict verdict = decided->decision.verdict;
  *report = (struct mtasts_session_report){
      .decided = decided,
      .result = MTASTS_RESULT_SUCCESS,
      .dane = verdict == MTASTS_VERDICT_DANE || verdict == MTASTS_VERDICT_ENCRYPT,
      .mx = host,
      .address = mtasts_span_of(session->address),
      .tlsa_base = host,
  };
  if (!decided->entry_reply.has_entry || verdict == MTASTS_VERDICT_UNKNOWN)
    return MTASTS_LOG_NOTHING_KNOWN;
  if (!is_mx(decided, host))
    return MTASTS_LOG_OTHER_HOST;
  if (session->tls == MTASTS_LOG_UNKNOWN)
    return MTASTS_LOG_NO_TLS_LINES;
  if (session->tls == MTASTS_LOG_CLEAR) {
    set_failure(session, decided, report);
  } else if (is_unlisted(decided, host)) {
    report->result = MTASTS_RESULT_VALIDATION;
    report->reason = MTASTS_SPAN("mtasts-policy-mx-mismatch");
  } else if (session->tls == MTASTS_LOG_FAILED) {
    set_failure(session, decided, report);
  } else if (!suffices(session->tls, verdict)) {
    return MTASTS_LOG_NOT_CHECKED;
  }
  return MTASTS_LOG_TOLD;
}
