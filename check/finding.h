/*
 * finding.h: what `mtasts check` can say of a domain: 83 findings, each with its severity, where to
 * look, what is wrong and what to do. Of reports that others sent, see report/findings.h.
 *
 * All texts are printable ASCII: what came from outside is escaped (printable.h). They belong to
 * the list. For one thread.
 */
#ifndef MTASTS_CHECK_FINDING_H
#define MTASTS_CHECK_FINDING_H

#include "arena.h"

enum mtasts_severity {
  MTASTS_SEVERITY_INFO,    /* good to know, nothing to do */
  MTASTS_SEVERITY_UNKNOWN, /* it could not be judged from here */
  MTASTS_SEVERITY_WARNING, /* mail flows, but the postmaster must act */
  MTASTS_SEVERITY_ERROR,   /* a sender that follows the RFCs refuses or defers mail */
};

/* "info", "unknown", "warning", "error" */
const char *mtasts_severity_name(enum mtasts_severity severity);

/* The ids, by groups: `record.absent` is MTASTS_FOUND_RECORD_ABSENT. */
enum mtasts_found {
  MTASTS_FOUND_RECORD_ABSENT,
  MTASTS_FOUND_RECORD_POLICY_UNANNOUNCED,
  MTASTS_FOUND_RECORD_VERSION,
  MTASTS_FOUND_RECORD_MULTIPLE,
  MTASTS_FOUND_RECORD_INVALID,
  MTASTS_FOUND_RECORD_UNKNOWN_FIELD,
  MTASTS_FOUND_RECORD_TTL_LONG,
  MTASTS_FOUND_RECORD_DNS_ERROR,

  MTASTS_FOUND_HOST_NO_ADDRESS,
  MTASTS_FOUND_HOST_DNS_ERROR,
  MTASTS_FOUND_HOST_PRIVATE_ADDRESS,
  MTASTS_FOUND_HOST_UNREACHABLE,
  MTASTS_FOUND_HOST_ADDRESS_UNREACHABLE,
  MTASTS_FOUND_HOST_TLS_VERSION,
  MTASTS_FOUND_HOST_TLS_FAILED,
  MTASTS_FOUND_HOST_CERT_EXPIRED,
  MTASTS_FOUND_HOST_CERT_UNTRUSTED,
  MTASTS_FOUND_HOST_CERT_NAME,
  MTASTS_FOUND_HOST_CERT_EXPIRING,

  MTASTS_FOUND_HTTP_REDIRECT,
  MTASTS_FOUND_HTTP_STATUS,
  MTASTS_FOUND_HTTP_MEDIA_TYPE,
  MTASTS_FOUND_HTTP_TOO_LARGE,
  MTASTS_FOUND_HTTP_FAILED,
  MTASTS_FOUND_HTTP_DIFFERS,

  MTASTS_FOUND_POLICY_VERSION,
  MTASTS_FOUND_POLICY_MODE,
  MTASTS_FOUND_POLICY_MAX_AGE,
  MTASTS_FOUND_POLICY_MX_MISSING,
  MTASTS_FOUND_POLICY_MX_INVALID,
  MTASTS_FOUND_POLICY_INVALID,
  MTASTS_FOUND_POLICY_DUPLICATE_KEY,
  MTASTS_FOUND_POLICY_NOT_STRICT,
  MTASTS_FOUND_POLICY_UNKNOWN_KEY,
  MTASTS_FOUND_POLICY_MAX_AGE_SHORT,
  MTASTS_FOUND_POLICY_MAX_AGE_LONG,
  MTASTS_FOUND_POLICY_MODE_TESTING,
  MTASTS_FOUND_POLICY_MODE_NONE,
  MTASTS_FOUND_POLICY_MX_UNUSED,

  MTASTS_FOUND_MX_NOT_IN_POLICY,
  MTASTS_FOUND_MX_NULL,
  MTASTS_FOUND_MX_NULL_AND_OTHERS,
  MTASTS_FOUND_MX_ABSENT,
  MTASTS_FOUND_MX_IMPLICIT,
  MTASTS_FOUND_MX_DNS_ERROR,
  MTASTS_FOUND_MX_CNAME,
  MTASTS_FOUND_MX_ADDRESS,
  MTASTS_FOUND_MX_NO_ADDRESS,
  MTASTS_FOUND_MX_PRIVATE_ADDRESS,

  MTASTS_FOUND_SMTP_UNREACHABLE,
  MTASTS_FOUND_SMTP_PROTOCOL,
  MTASTS_FOUND_SMTP_NOT_JUDGED,
  MTASTS_FOUND_SMTP_STARTTLS_MISSING,
  MTASTS_FOUND_SMTP_STARTTLS_REFUSED,
  MTASTS_FOUND_SMTP_TLS_VERSION,
  MTASTS_FOUND_SMTP_TLS_FAILED,
  MTASTS_FOUND_SMTP_CERT_EXPIRED,
  MTASTS_FOUND_SMTP_CERT_UNTRUSTED,
  MTASTS_FOUND_SMTP_CERT_NAME,
  MTASTS_FOUND_SMTP_CERT_EXPIRING,
  MTASTS_FOUND_SMTP_CERT_WEAK,

  MTASTS_FOUND_DANE_MISMATCH,
  MTASTS_FOUND_DANE_INSECURE,
  MTASTS_FOUND_DANE_UNUSABLE,
  MTASTS_FOUND_DANE_BOGUS,

  MTASTS_FOUND_TLSRPT_ABSENT,
  MTASTS_FOUND_TLSRPT_VERSION,
  MTASTS_FOUND_TLSRPT_MULTIPLE,
  MTASTS_FOUND_TLSRPT_INVALID,
  MTASTS_FOUND_TLSRPT_RUA_INVALID,
  MTASTS_FOUND_TLSRPT_RUA_UNDELIVERABLE,
  MTASTS_FOUND_TLSRPT_UNKNOWN_FIELD,
  MTASTS_FOUND_TLSRPT_DNS_ERROR,

  MTASTS_FOUND_CHANGE_ID_UNCHANGED,
  MTASTS_FOUND_CHANGE_POLICY_UNCHANGED,
  MTASTS_FOUND_CHANGE_RECORD_VANISHED,
  MTASTS_FOUND_CHANGE_LEFT_EARLY,
  MTASTS_FOUND_CHANGE_MODE_LOWERED,

  MTASTS_FOUND_EXPECT_MODE,

  MTASTS_FOUND_CHECK_RESOLVER,
  MTASTS_FOUND_CHECK_NO_ROUTE,
  MTASTS_FOUND_CHECK_STATE,
  MTASTS_FOUND_CHECK_DEADLINE,
};

enum {
  MTASTS_FOUND_COUNT = MTASTS_FOUND_CHECK_DEADLINE + 1,
  MTASTS_SHOWN_MAX = 255, /* characters */
};

/* "record.absent" */
const char *mtasts_found_name(enum mtasts_found found);

struct mtasts_finding {
  enum mtasts_found found;
  enum mtasts_severity severity;
  const char *id;          /* the name of `found` */
  const char *subject;     /* where to look */
  const char *message;     /* what is wrong */
  const char *remedy;      /* what to do; its lines are separated by LF */
  const char *rfc;         /* "8461 3.1"; NULL: no RFC */
  const char *result_type; /* of RFC 8460, as a sender would report it; NULL: it would not */
  uint32_t line;           /* of the policy; 0: none */
};

struct mtasts_findings {
  struct mtasts_finding *items;
  size_t count, room;
  void *known; /* a tree of tsearch(3), for repeats */
  struct mtasts_arena arena;
  bool no_memory; /* the list is not complete */
};

/*
 * Adds a copy of a finding, of which `id`, `rfc` and `result_type` are filled in. Its texts must
 * outlive the list: they are constants, or of its arena. One that is in the list with the same id,
 * subject, line and message is not added again.
 */
void mtasts_findings_add(struct mtasts_findings *findings, const struct mtasts_finding *finding);

/* Like printf, into the list's arena; never NULL. */
__attribute__((format(printf, 2, 3))) const char *
mtasts_findings_text(struct mtasts_findings *findings, const char *format, ...);

/* Bytes from outside as printable text of the list's arena, cut after MTASTS_SHOWN_MAX characters;
 * never NULL. */
const char *mtasts_findings_shown(struct mtasts_findings *findings, struct mtasts_span bytes);

/* Errors first, then warnings, unknown and info; else in the order in which they were added. */
void mtasts_findings_sort(struct mtasts_findings *findings);

/* The worst severity; INFO also if there is none. */
enum mtasts_severity mtasts_findings_worst(const struct mtasts_findings *findings);

void mtasts_findings_free(struct mtasts_findings *findings);

#endif
