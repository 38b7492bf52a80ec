#include "finding.h"

#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "printable.h"
#include "tlsrpt.h"

static const struct {
  const char *id, *rfc;
  enum mtasts_result_type result;
} known[MTASTS_FOUND_COUNT] = {
    [MTASTS_FOUND_RECORD_ABSENT] = {"record.absent", "8461 3.1"},
    [MTASTS_FOUND_RECORD_POLICY_UNANNOUNCED] = {"record.policy-unannounced", "8461 3.1"},
    [MTASTS_FOUND_RECORD_VERSION] = {"record.version", "8461 3.1"},
    [MTASTS_FOUND_RECORD_MULTIPLE] = {"record.multiple", "8461 3.1"},
    [MTASTS_FOUND_RECORD_INVALID] = {"record.invalid", "8461 3.1"},
    [MTASTS_FOUND_RECORD_UNKNOWN_FIELD] = {"record.unknown-field", "8461 3.1"},
    [MTASTS_FOUND_RECORD_TTL_LONG] = {"record.ttl-long", "8461 8.1"},
    [MTASTS_FOUND_RECORD_DNS_ERROR] = {"record.dns-error", "8461 3.1"},
    [MTASTS_FOUND_HOST_NO_ADDRESS] = {"host.no-address", "8461 3.3"},
    [MTASTS_FOUND_HOST_DNS_ERROR] = {"host.dns-error", "8461 3.3"},
    [MTASTS_FOUND_HOST_PRIVATE_ADDRESS] = {"host.private-address", "8461 3.3"},
    [MTASTS_FOUND_HOST_UNREACHABLE] = {"host.unreachable", "8461 3.3"},
    [MTASTS_FOUND_HOST_ADDRESS_UNREACHABLE] = {"host.address-unreachable", "8461 3.3"},
    [MTASTS_FOUND_HOST_TLS_VERSION] = {"host.tls-version", "8461 3.3"},
    [MTASTS_FOUND_HOST_TLS_FAILED] = {"host.tls-failed", "8461 3.3"},
    [MTASTS_FOUND_HOST_CERT_EXPIRED] = {"host.cert-expired", "8461 3.3"},
    [MTASTS_FOUND_HOST_CERT_UNTRUSTED] = {"host.cert-untrusted", "8461 3.3"},
    [MTASTS_FOUND_HOST_CERT_NAME] = {"host.cert-name", "8461 3.3"},
    [MTASTS_FOUND_HOST_CERT_EXPIRING] = {"host.cert-expiring", "8461 3.3"},
    [MTASTS_FOUND_HTTP_REDIRECT] = {"http.redirect", "8461 3.3"},
    [MTASTS_FOUND_HTTP_STATUS] = {"http.status", "8461 3.3"},
    [MTASTS_FOUND_HTTP_MEDIA_TYPE] = {"http.media-type", "8461 3.2"},
    [MTASTS_FOUND_HTTP_TOO_LARGE] = {"http.too-large", "8461 3.3"},
    [MTASTS_FOUND_HTTP_FAILED] = {"http.failed", "8461 3.3"},
    [MTASTS_FOUND_HTTP_DIFFERS] = {"http.differs", "8461 3.3"},
    [MTASTS_FOUND_POLICY_VERSION] = {"policy.version", "8461 3.2"},
    [MTASTS_FOUND_POLICY_MODE] = {"policy.mode", "8461 3.2"},
    [MTASTS_FOUND_POLICY_MAX_AGE] = {"policy.max-age", "8461 3.2"},
    [MTASTS_FOUND_POLICY_MX_MISSING] = {"policy.mx-missing", "8461 3.2"},
    [MTASTS_FOUND_POLICY_MX_INVALID] = {"policy.mx-invalid", "8461 3.2"},
    [MTASTS_FOUND_POLICY_INVALID] = {"policy.invalid", "8461 3.2"},
    [MTASTS_FOUND_POLICY_DUPLICATE_KEY] = {"policy.duplicate-key", "8461 3.2"},
    [MTASTS_FOUND_POLICY_NOT_STRICT] = {"policy.not-strict", "8461 3.2"},
    [MTASTS_FOUND_POLICY_UNKNOWN_KEY] = {"policy.unknown-key", "8461 3.2"},
    [MTASTS_FOUND_POLICY_MAX_AGE_SHORT] = {"policy.max-age-short", "8461 3.2"},
    [MTASTS_FOUND_POLICY_MAX_AGE_LONG] = {"policy.max-age-long", "8461 3.2"},
    [MTASTS_FOUND_POLICY_MODE_TESTING] = {"policy.mode-testing", "8461 5"},
    [MTASTS_FOUND_POLICY_MODE_NONE] = {"policy.mode-none", "8461 8.3"},
    [MTASTS_FOUND_POLICY_MX_UNUSED] = {"policy.mx-unused", "8461 4.1"},
    [MTASTS_FOUND_MX_NOT_IN_POLICY] = {"mx.not-in-policy", "8461 4.1"},
    [MTASTS_FOUND_MX_NULL] = {"mx.null", "RFC 7505"},
    [MTASTS_FOUND_MX_NULL_AND_OTHERS] = {"mx.null-and-others", "RFC 7505 3"},
    [MTASTS_FOUND_MX_ABSENT] = {"mx.absent", "RFC 5321 5.1"},
    [MTASTS_FOUND_MX_IMPLICIT] = {"mx.implicit", "RFC 5321 5.1"},
    [MTASTS_FOUND_MX_DNS_ERROR] = {"mx.dns-error", "RFC 5321 5.1"},
    [MTASTS_FOUND_MX_CNAME] = {"mx.cname", "RFC 5321 5.1"},
    [MTASTS_FOUND_MX_ADDRESS] = {"mx.address", "RFC 5321 5.1"},
    [MTASTS_FOUND_MX_NO_ADDRESS] = {"mx.no-address", "RFC 5321 5.1"},
    [MTASTS_FOUND_MX_PRIVATE_ADDRESS] = {"mx.private-address", "RFC 5321 5.1"},
    [MTASTS_FOUND_SMTP_UNREACHABLE] = {"smtp.unreachable", "5321 5.1"},
    [MTASTS_FOUND_SMTP_PROTOCOL] = {"smtp.protocol", "5321 3.1"},
    [MTASTS_FOUND_SMTP_NOT_JUDGED] = {"smtp.not-judged", "5321 3.1"},
    [MTASTS_FOUND_SMTP_STARTTLS_MISSING] = {"smtp.starttls-missing", "8461 4.2",
                                            MTASTS_RESULT_NO_STARTTLS},
    [MTASTS_FOUND_SMTP_STARTTLS_REFUSED] = {"smtp.starttls-refused", "3207 4",
                                            MTASTS_RESULT_NO_STARTTLS},
    [MTASTS_FOUND_SMTP_TLS_VERSION] = {"smtp.tls-version", "8461 7.2", MTASTS_RESULT_VALIDATION},
    [MTASTS_FOUND_SMTP_TLS_FAILED] = {"smtp.tls-failed", "8461 4.2", MTASTS_RESULT_VALIDATION},
    [MTASTS_FOUND_SMTP_CERT_EXPIRED] = {"smtp.cert-expired", "8461 4.2", MTASTS_RESULT_EXPIRED},
    [MTASTS_FOUND_SMTP_CERT_UNTRUSTED] = {"smtp.cert-untrusted", "8461 4.2",
                                          MTASTS_RESULT_NOT_TRUSTED},
    [MTASTS_FOUND_SMTP_CERT_NAME] = {"smtp.cert-name", "8461 4.2", MTASTS_RESULT_HOST_MISMATCH},
    [MTASTS_FOUND_SMTP_CERT_EXPIRING] = {"smtp.cert-expiring", "8461 4.2"},
    [MTASTS_FOUND_SMTP_CERT_WEAK] = {"smtp.cert-weak", "9325 4.2"},
    [MTASTS_FOUND_DANE_MISMATCH] = {"dane.mismatch", "7672 3"},
    [MTASTS_FOUND_DANE_INSECURE] = {"dane.insecure", "7672 2.2"},
    [MTASTS_FOUND_DANE_UNUSABLE] = {"dane.unusable", "7672 3.1"},
    [MTASTS_FOUND_DANE_BOGUS] = {"dane.bogus", "7672 2.1"},
    [MTASTS_FOUND_TLSRPT_ABSENT] = {"tlsrpt.absent", "8460 3"},
    [MTASTS_FOUND_TLSRPT_VERSION] = {"tlsrpt.version", "8460 3"},
    [MTASTS_FOUND_TLSRPT_MULTIPLE] = {"tlsrpt.multiple", "8460 3"},
    [MTASTS_FOUND_TLSRPT_INVALID] = {"tlsrpt.invalid", "8460 3"},
    [MTASTS_FOUND_TLSRPT_RUA_INVALID] = {"tlsrpt.rua-invalid", "8460 3"},
    [MTASTS_FOUND_TLSRPT_RUA_UNDELIVERABLE] = {"tlsrpt.rua-undeliverable", "8460 3"},
    [MTASTS_FOUND_TLSRPT_UNKNOWN_FIELD] = {"tlsrpt.unknown-field", "8460 3"},
    [MTASTS_FOUND_TLSRPT_DNS_ERROR] = {"tlsrpt.dns-error", "8460 3"},
    [MTASTS_FOUND_CHANGE_ID_UNCHANGED] = {"change.id-unchanged", "8461 3.1, 8.1"},
    [MTASTS_FOUND_CHANGE_POLICY_UNCHANGED] = {"change.policy-unchanged", "8461 3.1"},
    [MTASTS_FOUND_CHANGE_RECORD_VANISHED] = {"change.record-vanished", "8461 8.3"},
    [MTASTS_FOUND_CHANGE_LEFT_EARLY] = {"change.left-early", "8461 8.3"},
    [MTASTS_FOUND_CHANGE_MODE_LOWERED] = {"change.mode-lowered", "8461 5"},
    [MTASTS_FOUND_EXPECT_MODE] = {"expect.mode", NULL},
    [MTASTS_FOUND_CHECK_RESOLVER] = {"check.resolver", NULL},
    [MTASTS_FOUND_CHECK_NO_ROUTE] = {"check.no-route", NULL},
    [MTASTS_FOUND_CHECK_STATE] = {"check.state", NULL},
    [MTASTS_FOUND_CHECK_DEADLINE] = {"check.deadline", NULL},
};

const char *mtasts_severity_name(enum mtasts_severity severity) {
  switch (severity) {
  case MTASTS_SEVERITY_INFO:
    return "info";
  case MTASTS_SEVERITY_UNKNOWN:
    return "unknown";
  case MTASTS_SEVERITY_WARNING:
    return "warning";
  case MTASTS_SEVERITY_ERROR:
    return "error";
  }
  return "";
}

const char *mtasts_found_name(enum mtasts_found found) {
  return known[found].id;
}

static int compare(const void *a, const void *b) {
  const struct mtasts_finding *x = a;
  const struct mtasts_finding *y = b;
  if (x->found != y->found)
    return x->found < y->found ? -1 : 1;
  if (x->line != y->line)
    return x->line < y->line ? -1 : 1;
  int order = strcmp(x->subject, y->subject);
  return order != 0 ? order : strcmp(x->message, y->message);
}

/* Notes a finding in the tree. Returns whether it is new there. */
static bool note(struct mtasts_findings *findings, const struct mtasts_finding *finding) {
  if (tfind(finding, &findings->known, compare))
    return false;
  struct mtasts_finding *made = mtasts_arena_alloc(&findings->arena, sizeof *made);
  if (made)
    *made = *finding;
  if (made && tsearch(made, &findings->known, compare))
    return true;
  findings->no_memory = true;
  return false;
}

/* The nodes of the tree are the arena's. */
static void keep(void *node) {
  (void)node;
}

static bool make_room(struct mtasts_findings *findings) {
  if (findings->count < findings->room)
    return true;
  size_t room = findings->room > 0 ? findings->room * 2 : 16;
  struct mtasts_finding *items = realloc(findings->items, room * sizeof *items);
  if (!items) {
    findings->no_memory = true;
    return false;
  }
  findings->items = items;
  findings->room = room;
  return true;
}

void mtasts_findings_add(struct mtasts_findings *findings, const struct mtasts_finding *finding) {
  if (!note(findings, finding) || !make_room(findings))
    return;
  struct mtasts_finding *item = &findings->items[findings->count++];
  *item = *finding;
  item->id = known[finding->found].id;
  item->rfc = known[finding->found].rfc;
  item->result_type = known[finding->found].result != MTASTS_RESULT_SUCCESS
                          ? mtasts_result_type_name(known[finding->found].result)
                          : NULL;
}

const char *mtasts_findings_text(struct mtasts_findings *findings, const char *format, ...) {
  char *text = NULL;
  va_list arguments;
  va_start(arguments, format);
  int len = vasprintf(&text, format, arguments);
  va_end(arguments);
  const char *copy = NULL;
  if (len >= 0) {
    copy = mtasts_arena_copy(&findings->arena, (struct mtasts_span){text, (size_t)len}).data;
    free(text);
  }
  if (!copy)
    findings->no_memory = true;
  return copy ? copy : "";
}

const char *mtasts_findings_shown(struct mtasts_findings *findings, struct mtasts_span bytes) {
  char text[MTASTS_SHOWN_MAX + 1];
  size_t len = mtasts_printable(bytes, text, sizeof text);
  const char *copy = mtasts_arena_copy(&findings->arena, (struct mtasts_span){text, len}).data;
  if (!copy)
    findings->no_memory = true;
  return copy ? copy : "";
}

void mtasts_findings_sort(struct mtasts_findings *findings) {
  struct mtasts_finding *sorted =
      findings->count > 0 ? calloc(findings->count, sizeof *sorted) : NULL;
  size_t count = 0;
  if (!sorted) {
    findings->no_memory = findings->no_memory || findings->count > 0;
    return;
  }
  for (int severity = MTASTS_SEVERITY_ERROR; severity >= MTASTS_SEVERITY_INFO; severity--)
    for (size_t i = 0; i < findings->count; i++)
      if ((int)findings->items[i].severity == severity)
        sorted[count++] = findings->items[i];
  free(findings->items);
  findings->items = sorted;
  findings->room = count;
}

enum mtasts_severity mtasts_findings_worst(const struct mtasts_findings *findings) {
  enum mtasts_severity worst = MTASTS_SEVERITY_INFO;
  for (size_t i = 0; i < findings->count; i++)
    if (findings->items[i].severity > worst)
      worst = findings->items[i].severity;
  return worst;
}

void mtasts_findings_free(struct mtasts_findings *findings) {
  tdestroy(findings->known, keep);
  free(findings->items);
  mtasts_arena_free(&findings->arena);
  *findings = (struct mtasts_findings){.count = 0};
}
