/* From sessions of a log to outcomes, by what is known of the domain. */
#include "log_outcome.h"

#include "domain_decision_fixture.h"

const char *const unit_name = "report/log_outcome";

static struct fixture fixture;
static struct mtasts_session_report report;

static enum mtasts_log_untold judge(enum mtasts_log_tls tls, enum mtasts_result_type result,
                                    const char *host) {
  struct mtasts_log_session session = {.tls = tls, .result = result, .reason = "why"};
  session.domain = fixture.decided.domain;
  snprintf(session.host, sizeof session.host, "%s", host);
  return mtasts_log_outcome(&session, &fixture.decided, &report);
}

static void begin(const char *policy, enum mtasts_dane dane) {
  struct mtasts_mx_host hosts[] = {{.host = span("mx1.good.example"), .dane = dane},
                                   {.host = span("mx2.good.example"), .dane = dane}};
  struct mtasts_entry *entry = &fixture.decided.entry_reply.entry;
  decided(&fixture, policy);
  mtasts_mx_list_pack(hosts, 2, fixture.hosts, &entry->mx);
  entry->mx_state = MTASTS_MX_LISTED;
  entry->mx_expires = entry->dane_expires = NOW + 300;
  entry->dane = dane;
  decide(&fixture);
}

static const struct {
  const char *policy;
  const char *host;
  enum mtasts_dane dane;
  enum mtasts_log_tls tls;
  enum mtasts_result_type logged;
  enum mtasts_log_untold untold;
  enum mtasts_result_type result;
  bool by_dane;
} cases[] = {
#define MX1 "mx1.good.example"
    /* enforce */
    {ENFORCE, MX1, 0, MTASTS_LOG_VERIFIED, 0, MTASTS_LOG_TOLD, 0, false},
    {ENFORCE, MX1, 0, MTASTS_LOG_TLS, 0, MTASTS_LOG_NOT_CHECKED, 0, false},
    {ENFORCE, MX1, 0, MTASTS_LOG_CLEAR, 0, MTASTS_LOG_TOLD, 201, false},
    {ENFORCE, MX1, 0, MTASTS_LOG_FAILED, 204, MTASTS_LOG_TOLD, 204, false},
    {ENFORCE, "mx2.good.example", 0, MTASTS_LOG_FAILED, 202, MTASTS_LOG_TOLD, 205, false},
    {ENFORCE, "mx2.good.example", 0, MTASTS_LOG_VERIFIED, 0, MTASTS_LOG_TOLD, 205, false},
    {ENFORCE, "smart.host.example", 0, MTASTS_LOG_VERIFIED, 0, MTASTS_LOG_OTHER_HOST, 0, false},
    {ENFORCE, MX1, 0, MTASTS_LOG_UNKNOWN, 0, MTASTS_LOG_NO_TLS_LINES, 0, false},
    /* testing: no name was checked */
    {TESTING, MX1, 0, MTASTS_LOG_TLS, 0, MTASTS_LOG_NOT_CHECKED, 0, false},
    {TESTING, MX1, 0, MTASTS_LOG_VERIFIED, 0, MTASTS_LOG_NOT_CHECKED, 0, false},
    {TESTING, "mx2.good.example", 0, MTASTS_LOG_TLS, 0, MTASTS_LOG_TOLD, 205, false},
    {TESTING, MX1, 0, MTASTS_LOG_CLEAR, 0, MTASTS_LOG_TOLD, 201, false},
    /* no policy */
    {NULL, MX1, 0, MTASTS_LOG_TLS, 0, MTASTS_LOG_TOLD, 0, false},
    {NULL, MX1, 0, MTASTS_LOG_VERIFIED, 0, MTASTS_LOG_TOLD, 0, false},
    {NULL, MX1, 0, MTASTS_LOG_CLEAR, 0, MTASTS_LOG_TOLD, 201, false},
    {NULL, MX1, 0, MTASTS_LOG_FAILED, 205, MTASTS_LOG_TOLD, 205, false},
    /* DANE */
    {NULL, MX1, MTASTS_DANE_USABLE, MTASTS_LOG_VERIFIED, 0, MTASTS_LOG_TOLD, 0, true},
    {NULL, MX1, MTASTS_DANE_USABLE, MTASTS_LOG_TLS, 0, MTASTS_LOG_NOT_CHECKED, 0, true},
    {NULL, MX1, MTASTS_DANE_USABLE, MTASTS_LOG_FAILED, 203, MTASTS_LOG_TOLD, 203, true},
    {NULL, MX1, MTASTS_DANE_USABLE, MTASTS_LOG_CLEAR, 0, MTASTS_LOG_TOLD, 201, true},
    {NULL, MX1, MTASTS_DANE_UNUSABLE, MTASTS_LOG_TLS, 0, MTASTS_LOG_TOLD, 0, true},
};

static void test_cases(void) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    begin(cases[i].policy, cases[i].dane);
    enum mtasts_log_untold untold = judge(cases[i].tls, cases[i].logged, cases[i].host);
    unit_check(untold == cases[i].untold, "case %zu: %u", i, untold);
    unit_check((*mtasts_log_untold_text(untold) == '\0') == (untold == MTASTS_LOG_TOLD),
               "case %zu: %s", i, mtasts_log_untold_text(untold));
    if (untold == MTASTS_LOG_TOLD)
      unit_check(report.result == cases[i].result && report.dane == cases[i].by_dane,
                 "case %zu: %u %d", i, report.result, report.dane);
  }
}

static void test_nothing_known(void) {
  begin(ENFORCE, 0);
  fixture.decided.entry_reply.has_entry = false;
  decide(&fixture);
  CU_ASSERT_EQUAL(judge(MTASTS_LOG_CLEAR, 0, MX1), MTASTS_LOG_NOTHING_KNOWN);
}

static void test_implicit(void) {
  begin(NULL, 0);
  fixture.decided.entry_reply.entry.mx_state = MTASTS_MX_IMPLICIT;
  fixture.decided.entry_reply.entry.mx.size = 0;
  CU_ASSERT_EQUAL(judge(MTASTS_LOG_TLS, 0, "good.example"), MTASTS_LOG_TOLD);
  CU_ASSERT_EQUAL(judge(MTASTS_LOG_TLS, 0, "other.example"), MTASTS_LOG_OTHER_HOST);
}

const struct unit_test unit_tests[] = {
    {"what each session is under each policy", test_cases},
    {"a domain of which nothing is known", test_nothing_known},
    {"a domain that is its own host", test_implicit},
    {NULL, NULL},
};
