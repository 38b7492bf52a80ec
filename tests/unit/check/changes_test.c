#include "changes.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

const char *const unit_name = "check/changes";

/* What is called back, as in "+error smtp.cert-expired a; -warning mx.cname b; ". */
static char told[1024];

static void on_changed(void *context, const struct mtasts_changed *changed) {
  size_t len = strlen(told);
  (void)context;
  snprintf(told + len, sizeof told - len, "%s%s %s %s; ", changed->appeared ? "+" : "-",
           changed->severity, changed->id, changed->subject);
  CU_ASSERT((changed->finding != NULL) == changed->appeared);
}

struct found {
  enum mtasts_found found;
  enum mtasts_severity severity;
  const char *subject;
};

/* One check after another; *state is that of the one before. */
static bool tells(json_t **state, const struct found *found, size_t count, const char *expected) {
  struct mtasts_findings findings = {0};
  for (size_t i = 0; i < count; i++)
    mtasts_findings_add(&findings, &(struct mtasts_finding){.found = found[i].found,
                                                            .severity = found[i].severity,
                                                            .subject = found[i].subject,
                                                            .message = "It is so.",
                                                            .remedy = "Do it otherwise."});
  told[0] = '\0';
  json_t *next = mtasts_changes_find(*state, &findings, on_changed, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(next);
  json_decref(*state);
  *state = next;
  mtasts_findings_free(&findings);
  unit_check(strcmp(told, expected) == 0, "told: %s", told);
  return strcmp(told, expected) == 0;
}

#define ERROR   MTASTS_SEVERITY_ERROR
#define WARNING MTASTS_SEVERITY_WARNING
#define UNKNOWN MTASTS_SEVERITY_UNKNOWN
#define INFO    MTASTS_SEVERITY_INFO

static void comes_and_goes(void) {
  static const struct found both[] = {{MTASTS_FOUND_SMTP_CERT_EXPIRED, ERROR, "a [192.0.2.1]"},
                                      {MTASTS_FOUND_MX_CNAME, WARNING, "b"}};
  static const struct found worse[] = {{MTASTS_FOUND_MX_CNAME, ERROR, "b"}};
  json_t *state = NULL;
  CU_ASSERT(
      tells(&state, both, 2, "+error smtp.cert-expired a [192.0.2.1]; +warning mx.cname b; "));
  CU_ASSERT(tells(&state, both, 2, ""));
  CU_ASSERT(tells(&state, both + 1, 1, "-error smtp.cert-expired a [192.0.2.1]; "));
  CU_ASSERT(tells(&state, worse, 1, "+error mx.cname b; "));
  CU_ASSERT(tells(&state, NULL, 0, "-error mx.cname b; "));
  CU_ASSERT(tells(&state, NULL, 0, ""));
  json_decref(state);
}

static void info(void) {
  static const struct found found[] = {{MTASTS_FOUND_MX_IMPLICIT, INFO, "a"},
                                       {MTASTS_FOUND_CHANGE_MODE_LOWERED, INFO, "_mta-sts.a"}};
  json_t *state = NULL;
  CU_ASSERT(tells(&state, found, 2, "+info change.mode-lowered _mta-sts.a; "));
  CU_ASSERT(tells(&state, NULL, 0, ""));
  json_decref(state);
}

/* A server that defers this host once is no news. */
static void unknown(void) {
  static const struct found found[] = {{MTASTS_FOUND_SMTP_NOT_JUDGED, UNKNOWN, "a"}};
  json_t *state = NULL;
  CU_ASSERT(tells(&state, found, 1, ""));
  CU_ASSERT(tells(&state, NULL, 0, ""));
  CU_ASSERT(tells(&state, found, 1, ""));
  CU_ASSERT(tells(&state, found, 1, "+unknown smtp.not-judged a; "));
  CU_ASSERT(tells(&state, found, 1, ""));
  CU_ASSERT(tells(&state, NULL, 0, "-unknown smtp.not-judged a; "));
  json_decref(state);
}

/* What cannot be judged has not gone, and is no news when it can be again. */
static void not_judged(void) {
  static const struct found found[] = {{MTASTS_FOUND_SMTP_CERT_EXPIRED, ERROR, "a"},
                                       {MTASTS_FOUND_SMTP_CERT_EXPIRED, ERROR, "b"},
                                       {MTASTS_FOUND_POLICY_MODE_TESTING, WARNING, "https://x"},
                                       {MTASTS_FOUND_TLSRPT_ABSENT, WARNING, "_smtp._tls.x"}};
  static const struct found resolver[] = {{MTASTS_FOUND_CHECK_RESOLVER, UNKNOWN, "x"}};
  static const struct found deferred[] = {{MTASTS_FOUND_SMTP_NOT_JUDGED, UNKNOWN, "a"},
                                          {MTASTS_FOUND_HOST_UNREACHABLE, ERROR, "mta-sts.x"},
                                          {MTASTS_FOUND_TLSRPT_DNS_ERROR, WARNING, "_smtp._tls.x"}};
  static const struct found warned[] = {{MTASTS_FOUND_HOST_CERT_EXPIRING, WARNING, "mta-sts.x"}};
  json_t *state = NULL;
  CU_ASSERT(tells(&state, found, 4,
                  "+error smtp.cert-expired a; +error smtp.cert-expired b; "
                  "+warning policy.mode-testing https://x; +warning tlsrpt.absent _smtp._tls.x; "));
  CU_ASSERT(tells(&state, resolver, 1, ""));
  CU_ASSERT(tells(&state, found, 4, ""));
  CU_ASSERT(tells(&state, deferred, 3,
                  "+error host.unreachable mta-sts.x; +warning tlsrpt.dns-error _smtp._tls.x; "
                  "-error smtp.cert-expired b; "));
  CU_ASSERT(tells(&state, found, 4,
                  "+error smtp.cert-expired b; -error host.unreachable mta-sts.x; "
                  "-warning tlsrpt.dns-error _smtp._tls.x; "));
  /* A warning about the policy host leaves nothing unjudged. */
  CU_ASSERT(tells(&state, warned, 1,
                  "+warning host.cert-expiring mta-sts.x; -error smtp.cert-expired a; "
                  "-error smtp.cert-expired b; -warning policy.mode-testing https://x; "
                  "-warning tlsrpt.absent _smtp._tls.x; "));
  json_decref(state);
}

/* Without a valid policy the severity of a finding is another; that alone is no news. */
static void severity_without_policy(void) {
  static const struct found enforce[] = {{MTASTS_FOUND_SMTP_STARTTLS_MISSING, ERROR, "a"},
                                         {MTASTS_FOUND_TLSRPT_ABSENT, WARNING, "_smtp._tls.x"}};
  static const struct found broken[] = {{MTASTS_FOUND_HOST_CERT_EXPIRED, ERROR, "mta-sts.x"},
                                        {MTASTS_FOUND_SMTP_STARTTLS_MISSING, WARNING, "a"},
                                        {MTASTS_FOUND_TLSRPT_ABSENT, INFO, "_smtp._tls.x"}};
  static const struct found testing[] = {{MTASTS_FOUND_SMTP_STARTTLS_MISSING, WARNING, "a"},
                                         {MTASTS_FOUND_TLSRPT_ABSENT, WARNING, "_smtp._tls.x"}};
  json_t *state = NULL;
  CU_ASSERT(tells(&state, enforce, 2,
                  "+error smtp.starttls-missing a; +warning tlsrpt.absent _smtp._tls.x; "));
  CU_ASSERT(tells(&state, broken, 3, "+error host.cert-expired mta-sts.x; "));
  CU_ASSERT(tells(&state, enforce, 2, "-error host.cert-expired mta-sts.x; "));
  CU_ASSERT(tells(&state, testing, 2, "+warning smtp.starttls-missing a; "));
  json_decref(state);
}

/* A file may hold anything. */
static void malformed(void) {
  static const char *const texts[] = {"{}", "[1, null, [], {}, {\"id\": 1}]",
                                      "[{\"id\": \"mx.cname\"}]",
                                      "[{\"id\": \"\", \"told\": true}]"};
  static const struct found found[] = {{MTASTS_FOUND_MX_CNAME, WARNING, "b"}};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    json_t *state = json_loads(texts[i], 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(state);
    CU_ASSERT(tells(&state, found, 1, "+warning mx.cname b; "));
    json_decref(state);
  }
}

const struct unit_test unit_tests[] = {{"comes_and_goes", comes_and_goes},
                                       {"info", info},
                                       {"unknown", unknown},
                                       {"not_judged", not_judged},
                                       {"severity_without_policy", severity_without_policy},
                                       {"malformed", malformed},
                                       {NULL, NULL}};
