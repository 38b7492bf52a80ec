#include "policy_format.h"

#include "domain_decision_fixture.h"
#include "mx_list.h"
#include "mx_mismatch.h"

const char *const unit_name = "plugin/policy_format";

static struct fixture fixture;

static void check(struct mtasts_domain_decision *made, const char *mx_list, const char *expected) {
  static char room[MTASTS_POLICY_FORMAT_MAX];
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  mtasts_policy_format_policy(made, span(mx_list), &text);
  expect(&text, expected);
}

#define ENFORCE_WORDS                                                                              \
  "mode=enforce id=\"id1\" expires=\"2027-01-16T07:59:00Z\" ignore=\"<; !@[] ; "                   \
  "!^mx1[.]good[.]example$ ; !^[^.]+[.]wild[.]example$ ; *\""
#define NOTHING " id=\"\" expires=\"\" ignore=\"\""

static void test_verdicts(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  check(made, "", ENFORCE_WORDS);
  check(decided(&fixture, TESTING), "",
        "mode=testing id=\"id1\" expires=\"2027-01-16T07:59:00Z\" ignore=\"\"");
  check(decided(&fixture, NULL), "", "mode=none" NOTHING);
  made = decided(&fixture, NULL);
  made->entry_reply.has_entry = false;
  decide(&fixture);
  check(made, "", "mode=none" NOTHING " unknown=yes");
  made->entry_reply.defer = true;
  snprintf(made->why, sizeof made->why, "a \"quoted\" \\ line\n of words\x80");
  check(made, "", "mode=tempfail" NOTHING " unknown=yes reason=\"a 'quoted' / line? of words?\"");
  made->decision.verdict = MTASTS_VERDICT_DANE;
  check(made, "", "mode=dane" NOTHING);
  made->decision.verdict = MTASTS_VERDICT_ENCRYPT;
  check(made, "", "mode=encrypt" NOTHING);
  made->why[0] = '\0';
  made->decision.verdict = MTASTS_VERDICT_DEFER;
  check(made, "", "mode=tempfail" NOTHING " reason=\"\"");
}

static void test_monitor(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  made->entry_reply.monitor = true;
  check(made, "mx9.bad.example",
        "mode=testing id=\"id1\" expires=\"2027-01-16T07:59:00Z\" ignore=\"\" monitor=yes");
  static const enum mtasts_verdict others[] = {MTASTS_VERDICT_DANE, MTASTS_VERDICT_ENCRYPT,
                                               MTASTS_VERDICT_DEFER, MTASTS_VERDICT_NONE};
  made = decided(&fixture, NULL);
  made->entry_reply.monitor = true;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    made->decision.verdict = others[i];
    check(made, "", "mode=none" NOTHING " monitor=yes");
  }
  made->entry_reply.defer = true;
  made->decision.verdict = MTASTS_VERDICT_UNKNOWN;
  check(made, "", "mode=none" NOTHING " unknown=yes monitor=yes");
}

static void test_override(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  made->entry_reply.overridden = true;
  decide(&fixture);
  check(made, "",
        "mode=enforce id=\"id1\" expires=\"\" ignore=\"<; !@[] ; !^mx1[.]good[.]example$ ; "
        "!^[^.]+[.]wild[.]example$ ; *\"");
}

/* The MX hosts that came with the reply spare Exim a look-up, while they are fresh. */
static void test_own_hosts(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  struct mtasts_mx_host other = {.host = span("mx9.bad.example")};
  made->now = NOW + 299;
  check(made, "", ENFORCE_WORDS);
  made->now = NOW + 300;
  check(made, "", ENFORCE_WORDS " mx=ask");
  check(made, "mx1.good.example", ENFORCE_WORDS);
  made = decided(&fixture, ENFORCE);
  mtasts_mx_list_pack(&other, 1, fixture.hosts, &made->entry_reply.entry.mx);
  check(made, "", ENFORCE_WORDS " mx=ask");
  made->entry_reply.monitor = true;
  check(made, "",
        "mode=testing id=\"id1\" expires=\"2027-01-16T07:59:00Z\" ignore=\"\" monitor=yes mx=ask");
  made = decided(&fixture, TESTING);
  mtasts_mx_list_pack(&other, 1, fixture.hosts, &made->entry_reply.entry.mx);
  check(made, "", "mode=testing id=\"id1\" expires=\"2027-01-16T07:59:00Z\" ignore=\"\"");
}

static void test_mismatch(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  check(made, "mx9.bad.example:MX1.Good.Example.", ENFORCE_WORDS); /* one is enough */
  check(made, " : a.wild.example", ENFORCE_WORDS);
  check(made, "", ENFORCE_WORDS);
  check(made, ".", ENFORCE_WORDS); /* null MX */
  check(made, "mx9.bad.example: a\"b$c : a.b.wild.example",
        ENFORCE_WORDS " mx=mismatch reason=\"MTA-STS: the enforce policy of good.example lists "
                      "none of its MX hosts (mx9.bad.example, a?b?c, a.b.wild.example), so none "
                      "may be used (RFC 8461 section 5); policy id id1; if it has a new policy: "
                      "mtasts query --refresh good.example\"");
  made = decided(&fixture, TESTING);
  check(made, "mx9.bad.example",
        "mode=testing id=\"id1\" expires=\"2027-01-16T07:59:00Z\" ignore=\"\"");
}

/* As many patterns as a policy can have, and names as long as they can be. */
static void test_long(void) {
  static char policy[MTASTS_POLICY_MAX + 1];
  static char room[MTASTS_POLICY_FORMAT_MAX];
  static char hosts[20000];
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  size_t len =
      (size_t)snprintf(policy, sizeof policy, "version: STSv1\nmode: enforce\nmax_age: 86400\n");
  for (unsigned i = 0; len < 60000; i++)
    len += (size_t)snprintf(policy + len, sizeof policy - len, "mx: h%u.x\n", i);
  mtasts_policy_format_policy(decided(&fixture, policy), span(""), &text);
  unit_check(strncmp(room, "mode=tempfail id=\"id1\" ", 23) == 0, "%.60s", room);
  CU_ASSERT_PTR_NOT_NULL(strstr(room, "lists too many MX hosts"));
  CU_ASSERT_EQUAL(room[text.len - 1], '"');

  for (len = 0; len < sizeof hosts - 300; len += 254)
    snprintf(hosts + len, sizeof hosts - len, "%0253d:", 7);
  text.len = 0;
  mtasts_policy_format_policy(decided(&fixture, ENFORCE), span(hosts), &text);
  CU_ASSERT_PTR_NOT_NULL(strstr(room, " and 70 more)"));
  CU_ASSERT_PTR_NOT_NULL(strstr(room, "--refresh good.example\""));
  CU_ASSERT_FALSE(text.full);

  /* 300 mx lines are a real policy. */
  len = (size_t)snprintf(policy, sizeof policy, "version: STSv1\nmode: enforce\nmax_age: 86400\n");
  for (unsigned i = 0; i < 300; i++)
    len += (size_t)snprintf(policy + len, sizeof policy - len,
                            "mx: mx%u.a-rather-long-name.of-a-provider.example.com\n", i);
  text.len = 0;
  mtasts_policy_format_policy(decided(&fixture, policy), span(""), &text);
  unit_check(strncmp(room, "mode=enforce ", 13) == 0, "%.60s", room);
}

static void test_allows(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  CU_ASSERT_TRUE(mtasts_domain_decision_allows(made, span("mx1.good.example")));
  CU_ASSERT_FALSE(mtasts_domain_decision_allows(made, span("mx2.good.example")));
  made->entry_reply.monitor = true;
  CU_ASSERT_TRUE(mtasts_domain_decision_allows(made, span("mx2.good.example")));
  CU_ASSERT_FALSE(mtasts_decision_lists(&made->decision, span("mx2.good.example")));
  made = decided(&fixture, NULL);
  CU_ASSERT_TRUE(mtasts_domain_decision_allows(made, span("mx2.good.example")));
  made->entry_reply.has_entry = false;
  made->entry_reply.defer = true;
  decide(&fixture);
  CU_ASSERT_FALSE(mtasts_domain_decision_allows(made, span("mx1.good.example")));
}

static void test_dane(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  struct mtasts_mx_host hosts[] = {{10, MTASTS_DANE_USABLE, {"mx1.good.example", 16}},
                                   {20, MTASTS_DANE_NONE, {"a.wild.example", 14}}};
  CU_ASSERT_EQUAL(mtasts_domain_decision_dane(made, span("mx1.good.example")), MTASTS_DANE_NONE);
  mtasts_mx_list_pack(hosts, 2, fixture.hosts, &made->entry_reply.entry.mx);
  made->entry_reply.dane_off = true;
  made->entry_reply.entry.dane = MTASTS_DANE_MIXED;
  made->entry_reply.entry.dane_expires = made->now;
  CU_ASSERT_EQUAL(mtasts_domain_decision_dane(made, span("mx1.good.example")), MTASTS_DANE_NONE);
  made->entry_reply.dane_off = false;
  made->entry_reply.entry.dane_expires = made->now;
  CU_ASSERT_EQUAL(mtasts_domain_decision_dane(made, span("MX1.good.example.")), MTASTS_DANE_USABLE);
  CU_ASSERT_EQUAL(mtasts_domain_decision_dane(made, span("a.wild.example")), MTASTS_DANE_NONE);
  CU_ASSERT_EQUAL(mtasts_domain_decision_dane(made, span("")), MTASTS_DANE_NONE);
}

const struct unit_test unit_tests[] = {
    {"hosts that are known and listed spare a look-up", test_own_hosts},
    {"each verdict has its words", test_verdicts},
    {"monitor enforces nothing", test_monitor},
    {"an override has no expiry", test_override},
    {"an enforce policy that lists no MX host is reported", test_mismatch},
    {"what is too long is deferred, and never cut", test_long},
    {"which MX hosts may be used", test_allows},
    {"each MX host has a DANE state", test_dane},
    {NULL, NULL},
};
