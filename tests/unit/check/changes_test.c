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
  const char *message; /* NULL: "It is so." */
};

static struct mtasts_changes_options options = {"x", true, on_changed, NULL};

/* One check after another; *state is that of the one before. */
static bool tells(json_t **state, const struct found *found, size_t count, const char *expected) {
  struct mtasts_findings findings = {0};
  for (size_t i = 0; i < count; i++)
    mtasts_findings_add(&findings, &(struct mtasts_finding){
                                       .found = found[i].found,
                                       .severity = found[i].severity,
                                       .subject = found[i].subject,
                                       .message = found[i].message ? found[i].message : "It is so.",
                                       .remedy = "Do it otherwise."});
  told[0] = '\0';
  json_t *next = mtasts_changes_find(&options, *state, &findings);
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

/* Two faults with one id and subject. */
static void alike(void) {
  static const struct found found[] = {
      {MTASTS_FOUND_TLSRPT_RUA_UNDELIVERABLE, WARNING, "t", "No report reaches \"https://a\": x."},
      {MTASTS_FOUND_TLSRPT_RUA_UNDELIVERABLE, WARNING, "t", "No report reaches \"https://b\": x."}};
  static const struct found reason[] = {
      {MTASTS_FOUND_TLSRPT_RUA_UNDELIVERABLE, WARNING, "t", "No report reaches \"https://b\": y."}};
  static const struct found bogus[] = {
      {MTASTS_FOUND_DANE_BOGUS, ERROR, "a", "DNSSEC validation of the address answer fails."},
      {MTASTS_FOUND_DANE_BOGUS, ERROR, "a", "DNSSEC validation of the TLSA answer fails."}};
  static const struct found dates[] = {
      {MTASTS_FOUND_HOST_CERT_EXPIRING, WARNING, "h", "It ends in 3 days."},
      {MTASTS_FOUND_HOST_CERT_EXPIRING, WARNING, "h", "It ends in 2 days."}};
  static const char one[] = "+warning tlsrpt.rua-undeliverable t; ";
  json_t *state = NULL;
  CU_ASSERT(tells(&state, found, 1, one));
  CU_ASSERT(tells(&state, found, 2, one));
  CU_ASSERT(tells(&state, found, 2, ""));
  CU_ASSERT(tells(&state, reason, 1, "-warning tlsrpt.rua-undeliverable t; "));
  CU_ASSERT(tells(&state, found, 1,
                  "+warning tlsrpt.rua-undeliverable t; "
                  "-warning tlsrpt.rua-undeliverable t; "));
  CU_ASSERT(tells(&state, bogus, 1, "+error dane.bogus a; -warning tlsrpt.rua-undeliverable t; "));
  CU_ASSERT(tells(&state, bogus, 2, "+error dane.bogus a; "));
  CU_ASSERT(tells(&state, bogus + 1, 1, "")); /* the other may be hidden by this one */
  CU_ASSERT(tells(&state, dates, 1,
                  "+warning host.cert-expiring h; -error dane.bogus a; "
                  "-error dane.bogus a; "));
  CU_ASSERT(tells(&state, dates + 1, 1, ""));
  json_decref(state);
}

/* What one finding leaves unjudged: the earlier one has gone only without it. */
static void masked(void) {
  static const struct {
    struct found earlier, now;
    bool stays;
  } rows[] = {
#define NOW(found, subject) {MTASTS_FOUND_##found, ERROR, subject}
#define ROUTE(subject)                                                                             \
  { MTASTS_FOUND_CHECK_NO_ROUTE, UNKNOWN, subject }
      {NOW(HOST_CERT_EXPIRED, "mta-sts.x"), ROUTE("mta-sts.x [::]"), true},
      {NOW(HTTP_STATUS, "https://mta-sts.x"), ROUTE("mta-sts.x [::1]"), true},
      {NOW(POLICY_MODE, "https://mta-sts.x"), ROUTE("mta-sts.x [::1]"), true},
      {NOW(MX_NOT_IN_POLICY, "a"), ROUTE("mta-sts.x [::1]"), true},
      {NOW(MX_NULL, "x"), ROUTE("mta-sts.x [::1]"), true},
      {NOW(TLSRPT_ABSENT, "t"), ROUTE("mta-sts.x [::1]"), true},
      {NOW(EXPECT_MODE, "https://mta-sts.x"), ROUTE("mta-sts.x [::1]"), true},
      {NOW(CHANGE_ID_UNCHANGED, "_mta-sts.x"), ROUTE("mta-sts.x [::1]"), true},
      {NOW(HOST_CERT_EXPIRED, "mta-sts.x"), ROUTE("a [::1]"), false},
      {NOW(HOST_CERT_EXPIRED, "mta-sts.x"),
       {MTASTS_FOUND_CHECK_NO_ROUTE, INFO, "mta-sts.x [::1]"},
       false},
      {NOW(HOST_CERT_EXPIRED, "mta-sts.x [::1]"),
       {MTASTS_FOUND_CHECK_NO_ROUTE, INFO, "mta-sts.x [::1]"},
       true},
      {NOW(MX_NULL, "x"), NOW(HTTP_STATUS, "https://mta-sts.x"), true},
      {NOW(HOST_CERT_NAME, "mta-sts.x"), NOW(HOST_UNREACHABLE, "mta-sts.x"), true},
      {NOW(POLICY_MODE_TESTING, "u"), NOW(POLICY_INVALID, "u"), true},
      {NOW(POLICY_INVALID, "u"), NOW(HOST_CERT_EXPIRING, "mta-sts.x"), false},
      {NOW(POLICY_INVALID, "u"), NOW(HOST_CERT_EXPIRED, "mta-sts.x [::1]"), false},
      {NOW(MX_CNAME, "a"), NOW(DANE_BOGUS, "x"), true},
      {NOW(SMTP_CERT_NAME, "a [::1]"), NOW(DANE_BOGUS, "x"), true},
      {NOW(MX_NO_ADDRESS, "a"), NOW(DANE_BOGUS, "a"), true},
      {NOW(SMTP_CERT_NAME, "a [::1]"), NOW(DANE_BOGUS, "a"), true},
      {NOW(DANE_MISMATCH, "_25._tcp.a"), NOW(DANE_BOGUS, "a"), true},
      {NOW(DANE_MISMATCH, "_25._tcp.a"), NOW(DANE_BOGUS, "_25._tcp.a"), true},
      {NOW(SMTP_CERT_NAME, "b [::1]"), NOW(DANE_BOGUS, "a"), false},
      {NOW(SMTP_CERT_NAME, "a [::1]"), NOW(DANE_BOGUS, "_25._tcp.a"), false},
      {NOW(SMTP_CERT_NAME, "a [::1]"), NOW(MX_DNS_ERROR, "x"), true},
      {NOW(SMTP_CERT_NAME, "a [::1]"), NOW(MX_DNS_ERROR, "b"), false},
      {NOW(DANE_MISMATCH, "_25._tcp.a"), NOW(SMTP_UNREACHABLE, "a [::1]"), true},
      {NOW(DANE_MISMATCH, "_25._tcp.a"), NOW(SMTP_STARTTLS_MISSING, "a [::1]"), true},
      {NOW(SMTP_CERT_EXPIRED, "a [::1]"), NOW(SMTP_STARTTLS_MISSING, "a [::1]"), true},
      {NOW(SMTP_CERT_EXPIRED, "a [::1]"), NOW(SMTP_STARTTLS_MISSING, "a [::2]"), false},
#undef NOW
#undef ROUTE
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    json_t *state = NULL;
    tells(&state, &rows[i].earlier, 1, told);
    tells(&state, &rows[i].now, 1, told);
    bool stays = strstr(told, "; -") == NULL && *told != '-';
    unit_check(stays == rows[i].stays, "row %zu: %s", i, told);
    json_decref(state);
  }
}

/* With --no-smtp mail servers are not asked, so nothing of them has gone. */
static void without_smtp(void) {
  static const struct found found[] = {{MTASTS_FOUND_SMTP_CERT_EXPIRED, ERROR, "a [::1]"},
                                       {MTASTS_FOUND_DANE_MISMATCH, ERROR, "_25._tcp.a"},
                                       {MTASTS_FOUND_MX_CNAME, WARNING, "a"}};
  json_t *state = NULL;
  CU_ASSERT(tells(&state, found, 3,
                  "+error smtp.cert-expired a [::1]; +error dane.mismatch _25._tcp.a; "
                  "+warning mx.cname a; "));
  options.smtp = false;
  CU_ASSERT(tells(&state, NULL, 0, "-warning mx.cname a; "));
  options.smtp = true;
  CU_ASSERT(tells(&state, NULL, 0,
                  "-error smtp.cert-expired a [::1]; -error dane.mismatch _25._tcp.a; "));
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
                                      "[{\"id\": \"\", \"reported\": true}]"};
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
                                       {"alike", alike},
                                       {"masked", masked},
                                       {"without_smtp", without_smtp},
                                       {NULL, NULL}};
