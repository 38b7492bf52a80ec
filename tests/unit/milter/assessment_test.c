#include "assessment.h"

#include "domain_decision_fixture.h"

const char *const unit_name = "milter/assessment";

static struct fixture fixture;

static struct mtasts_assessment assessment(const struct mtasts_domain_decision *decided) {
  return mtasts_assessment_of(decided, span("good.example"));
}

static void set_hosts(struct mtasts_mx_host *hosts, size_t count) {
  mtasts_mx_list_pack(hosts, count, fixture.hosts, &fixture.decided.entry_reply.entry.mx);
}

static void enforced(void) {
  struct mtasts_assessment made = assessment(decided(&fixture, ENFORCE));
  CU_ASSERT_STRING_EQUAL(made.domain, "good.example");
  CU_ASSERT_EQUAL(made.verdict, MTASTS_VERDICT_ENFORCE);
  CU_ASSERT_EQUAL(made.source, MTASTS_SOURCE_CACHE);
  CU_ASSERT_EQUAL(made.error, MTASTS_ERROR_NONE);
  CU_ASSERT(made.has_policy && made.mode == MTASTS_MODE_ENFORCE);
  CU_ASSERT_STRING_EQUAL(made.id, "id1");
  CU_ASSERT(made.mx_listed == 1 && made.mx_count == 1);
  CU_ASSERT_STRING_EQUAL(made.mx, "mx1.good.example");
  CU_ASSERT(made.protected && made.certain);
  CU_ASSERT_FALSE(made.at_risk || made.wait || made.monitor);
}

static void not_enforced(void) {
  struct mtasts_assessment made = assessment(decided(&fixture, TESTING));
  CU_ASSERT(made.has_policy && made.mode == MTASTS_MODE_TESTING && made.mx_listed == 1);
  CU_ASSERT_FALSE(made.protected || made.at_risk || made.wait);

  made = assessment(decided(&fixture, NULL));
  CU_ASSERT_EQUAL(made.verdict, MTASTS_VERDICT_NONE);
  CU_ASSERT_STRING_EQUAL(made.id, "");
  CU_ASSERT_FALSE(made.has_policy || made.protected || made.at_risk || made.certain);
}

/* The policy lists none, some, and all of the MX hosts. */
static void at_risk(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  struct mtasts_mx_host others[] = {{.preference = 20, .host = span("b.example")},
                                    {.preference = 10, .host = span("a.example")}};
  set_hosts(others, 2);
  struct mtasts_assessment none = assessment(made);
  CU_ASSERT(none.at_risk && none.certain && !none.protected);
  CU_ASSERT(none.mx_listed == 0 && none.mx_count == 2);
  CU_ASSERT_STRING_EQUAL(none.mx, "a.example");

  struct mtasts_mx_host some[] = {{.preference = 10, .host = span("a.example")},
                                  {.preference = 20, .host = span("x.wild.example")}};
  set_hosts(some, 2);
  struct mtasts_assessment one = assessment(made);
  CU_ASSERT(one.protected && !one.at_risk && one.mx_listed == 1 && one.mx_count == 2);
}

/* If no hosts are known, none can be missing. */
static void no_hosts(void) {
  static const enum mtasts_mx_state states[] = {MTASTS_MX_UNKNOWN, MTASTS_MX_NULL,
                                                MTASTS_MX_NXDOMAIN, MTASTS_MX_ERROR};
  struct mtasts_mx_host other[] = {{.host = span("a.example")}};
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
    struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
    set_hosts(other, 1);
    made->entry_reply.entry.mx_state = states[i];
    unit_check(!assessment(made).at_risk, "%s", mtasts_mx_state_name(states[i]));
  }
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  made->entry_reply.entry.mx = (struct mtasts_mx_list){.count = 0};
  CU_ASSERT_FALSE(assessment(made).at_risk);
  made = decided(&fixture, ENFORCE);
  set_hosts(other, 1);
  made->entry_reply.entry.mx_state = MTASTS_MX_IMPLICIT;
  CU_ASSERT(assessment(made).at_risk);
}

/* Nothing fails for good by what is old or could not be checked. */
static void certainty(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  made->now = NOW + 299;
  CU_ASSERT(assessment(made).certain);
  made->now = NOW + 300;
  CU_ASSERT_FALSE(assessment(made).certain);

  made = decided(&fixture, ENFORCE);
  made->entry_reply.entry.record = MTASTS_RECORD_ERROR;
  CU_ASSERT_FALSE(assessment(made).certain);
  made->entry_reply.entry.record = MTASTS_RECORD_ABSENT;
  CU_ASSERT_FALSE(assessment(made).certain);
  made = decided(&fixture, ENFORCE);
  made->entry_reply.entry.error = MTASTS_ERROR_DNS;
  CU_ASSERT_FALSE(assessment(made).certain);
  CU_ASSERT_EQUAL(assessment(made).error, MTASTS_ERROR_DNS);

  /* The MX list could not be refreshed: the MX hosts may be others by now. */
  made = decided(&fixture, ENFORCE);
  made->entry_reply.entry.mx_kept = true;
  CU_ASSERT_FALSE(assessment(made).certain);
  made = decided(&fixture, ENFORCE);
  made->entry_reply.entry.mx_local_fault = true;
  CU_ASSERT_FALSE(assessment(made).certain);
  made->entry_reply.overridden = true;
  CU_ASSERT_FALSE(assessment(made).certain);

  made = decided(&fixture, ENFORCE);
  made->entry_reply.entry.error = MTASTS_ERROR_DNS;
  made->entry_reply.overridden = true; /* the postmaster's word needs no record */
  CU_ASSERT(assessment(made).certain);
  made->now = NOW + 300;
  CU_ASSERT_FALSE(assessment(made).certain);
}

static void monitored(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  made->entry_reply.monitor = true;
  struct mtasts_assessment watched = assessment(made);
  CU_ASSERT(watched.monitor && watched.verdict == MTASTS_VERDICT_ENFORCE && !watched.protected);
}

static void dane(void) {
  struct mtasts_domain_decision *made = decided(&fixture, NULL);
  made->decision.verdict = MTASTS_VERDICT_DANE;
  made->entry_reply.entry.dane = MTASTS_DANE_USABLE;
  struct mtasts_assessment secure = assessment(made);
  CU_ASSERT(secure.protected && !secure.at_risk && secure.dane == MTASTS_DANE_USABLE);
  made->decision.verdict = MTASTS_VERDICT_ENCRYPT; /* TLS, but not authenticated */
  CU_ASSERT_FALSE(assessment(made).protected);
}

static struct mtasts_assessment unknown(bool defer, bool monitor) {
  struct mtasts_domain_decision made = {.entry_reply = {.defer = defer, .monitor = monitor},
                                        .now = NOW};
  made.decision = mtasts_entry_reply_decide(&made.entry_reply, NOW);
  return assessment(&made);
}

static void nothing_known(void) {
  struct mtasts_assessment made = unknown(false, false);
  CU_ASSERT_EQUAL(made.verdict, MTASTS_VERDICT_UNKNOWN);
  CU_ASSERT_FALSE(made.wait || made.protected || made.at_risk || made.certain || made.has_policy);
  CU_ASSERT(made.mx_count == 0 && made.mx[0] == '\0' && made.id[0] == '\0');
  CU_ASSERT(unknown(true, false).wait);
  CU_ASSERT_FALSE(unknown(true, true).wait);
}

static void the_text(void) {
  struct mtasts_domain_decision *made = decided(&fixture, NULL);
  CU_ASSERT_STRING_EQUAL(mtasts_assessment_of(made, span("[192.0.2.1]")).domain, "[192.0.2.1]");
  CU_ASSERT_STRING_EQUAL(mtasts_assessment_of(made, span("a\nb\x1b\xff")).domain,
                         "a\\x0ab\\x1b\\xff");
  char longest[300];
  memset(longest, 'a', sizeof longest);
  CU_ASSERT_EQUAL(
      strlen(mtasts_assessment_of(made, (struct mtasts_span){longest, sizeof longest}).domain),
      MTASTS_DOMAIN_MAX);
}

const struct unit_test unit_tests[] = {{"an enforce policy that lists the MX host", enforced},
                                       {"testing, and none", not_enforced},
                                       {"none of the MX hosts is listed", at_risk},
                                       {"MX hosts that are not there or not known", no_hosts},
                                       {"what is certain", certainty},
                                       {"monitor mode", monitored},
                                       {"DANE", dane},
                                       {"nothing is known", nothing_known},
                                       {"what is no policy domain, in printable ASCII", the_text},
                                       {NULL, NULL}};
