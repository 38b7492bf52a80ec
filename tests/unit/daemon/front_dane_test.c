/* The front loop with DANE look-ups: DANE takes precedence over policies and overrides. */
#include "ad_check.h"
#include "front.h"

#include "front_fixture.h"
#include "waiters.h"

const char *const unit_name = "daemon/front_dane";

static const enum mtasts_socket_kind MTA = MTASTS_SOCKET_SOCKETMAP;

static const char SECURE[] = "OK secure match=mx1.example.com:.example.com servername=hostname";

#define WITH_DANE "dns { dnssec = \"auto\" }\n"

static struct mtasts_entry *with_dane(struct mtasts_entry *entry, enum mtasts_dane dane,
                                      int64_t expires) {
  entry->dane = dane;
  entry->dane_expires = time(NULL) + expires;
  return entry;
}

/* An unexpired policy answers only if it is known that DANE does not take precedence. */
static void test_dane(void) {
  struct sample sample;
  front_up(WITH_DANE);
  known("fresh.example", with_dane(governing(&sample), MTASTS_DANE_NONE, 300));
  ask(MTA, "postfix fresh.example", SECURE);
  no_job("all is fresh");
  struct mtasts_entry *lapsed = with_dane(governing(&sample), MTASTS_DANE_USABLE, -3600);
  lapsed->mx_expires = lapsed->dane_expires;
  known("lapsed.example", lapsed);
  ask(MTA, "postfix lapsed.example", "OK dane-only");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "lapsed.example", false));
  known("new.example", governing(&sample));
  int fd = enter(MTA);
  say(fd, "postfix new.example");
  struct mtasts_job *asked = job(MTASTS_JOB_LOOK_UP, "new.example", true);
  silence(fd, "nothing is known of DANE");
  done(asked, MTASTS_OK, with_dane(governing(&sample), MTASTS_DANE_UNUSABLE, 300), MTASTS_ASKED);
  expect(fd, SECURE);
  close(fd);
  front_down();
}

/* An override beats a policy, never DANE. */
static void test_override_and_dane(void) {
  struct sample sample;
  front_up(WITH_DANE "override \"a.example\" { mode = \"none\" }\n"
                     "override \"b.example\" { mode = \"enforce\" mx = {\"x.example\"} }");
  int fd = enter(MTA);
  say(fd, "postfix a.example");
  struct mtasts_job *asked = job(MTASTS_JOB_LOOK_UP, "a.example", true);
  silence(fd, "nothing is known of DANE");
  done(asked, MTASTS_OK, with_dane(recordless(&sample), MTASTS_DANE_USABLE, 300), MTASTS_ASKED);
  expect(fd, "OK dane-only");
  known("b.example", with_dane(recordless(&sample), MTASTS_DANE_NONE, -3600));
  ask(MTA, "postfix b.example", "OK secure match=x.example servername=hostname");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "b.example", false));
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_OVERRIDES), 1);
  close(fd);
  front_down();
}

/* With dnssec off it is not claimed, whatever is in the cache from before. */
static void test_dane_off(void) {
  struct sample sample;
  front_up("");
  known("a.example", with_dane(governing(&sample), MTASTS_DANE_USABLE, 300));
  known("b.example", with_dane(governing(&sample), MTASTS_DANE_BOGUS, 300));
  ask(MTA, "postfix a.example", SECURE);
  ask(MTA, "postfix b.example", SECURE);
  struct mtasts_entry_reply entry_reply = ask_ruling("entry a.example");
  CU_ASSERT_TRUE(entry_reply.has_entry &&
                 entry_reply.entry.mx.count == 0); /* its hosts' states were of DANE */
  front_down();
}

/* Section dns is taken up without a restart, here as in the net loop. */
static void test_dane_configured(void) {
  struct sample sample;
  front_up("");
  known("a.example", governing(&sample));
  ask(MTA, "postfix a.example", SECURE);
  configure(WITH_DANE);
  usleep(20000);
  int fd = enter(MTA);
  say(fd, "postfix a.example");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "a.example", true));
  close(fd);
  configure("dns { dnssec = \"off\" }");
  usleep(20000);
  ask(MTA, "postfix a.example", SECURE);
  front_down();
}

/* An outage of the resolver that is over makes no domain wait any longer. */
static void test_resolver_back(void) {
  struct sample sample;
  struct mtasts_entry *failing;
  front_up("");
  failing = recordless(&sample);
  failing->record = MTASTS_RECORD_ERROR;
  failing->error = MTASTS_ERROR_DNS;
  known("a.example", failing);
  known("b.example", recordless(&sample));
  ask(MTA, "postfix a.example", "NOTFOUND ");
  no_job("it waits");
  atomic_store(&fixture.stats.resolver_back, time(NULL));
  ask(MTA, "postfix b.example", "NOTFOUND ");
  no_job("its word was one of the domain's");
  int fd = enter(MTA);
  say(fd, "postfix a.example");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "a.example", true));
  close(fd);
  front_down();
}

/* RFC 7672 section 2.2.3: TLSA records are those of one port. */
static void test_ports(void) {
  struct sample sample;
  front_up(WITH_DANE);
  known("a.example", with_dane(governing(&sample), MTASTS_DANE_USABLE, 300));
  struct mtasts_entry *failing = with_dane(recordless(&sample), MTASTS_DANE_ERROR, 300);
  failing->mx_state = MTASTS_MX_LISTED;
  failing->mx_expires = failing->dane_expires;
  known("b.example", failing);
  ask(MTA, "postfix a.example:25", "OK dane-only");
  ask(MTA, "postfix [a.example]:smtp", "OK dane-only");
  ask(MTA, "postfix [a.example]:587", SECURE);
  ask(MTA, "postfix a.example:submission", SECURE);
  ask_like(MTA, "postfix [b.example]", "TEMP ", "b.example");
  ask(MTA, "postfix [b.example]:2525", "NOTFOUND ");
  front_down();
}

/* The postmaster's word: as if the domain had no DANE. Nothing of it is waited for, nor shown. */
static void test_override_dane_off(void) {
  struct sample sample;
  front_up(WITH_DANE "override \"a.example\" { dane = \"off\" }\n"
                     "override \"b.example\" { mode = \"none\" dane = \"off\" }\n"
                     "override \"c.example\" { dane = \"off\" until = \"2020-01-31\" }\n"
                     "override \"d.example\" { mode = \"none\" }");
  known("a.example", with_dane(governing(&sample), MTASTS_DANE_USABLE, 300));
  ask(MTA, "postfix a.example", SECURE);
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "a.example", false)); /* its hosts were DANE's */
  ask_like(MTASTS_SOCKET_ASK, "decision a.example", "OK ", "\"source\":\"override\"");
  ask_like(MTASTS_SOCKET_ASK, "decision a.example", "OK ", "\"id\":\"20260101\"");
  ask_like(MTASTS_SOCKET_ASK, "decision a.example", "OK ", "\"dane\":\"none\"");
  struct mtasts_entry_reply entry_reply = ask_ruling("entry a.example");
  CU_ASSERT_TRUE(entry_reply.has_entry && entry_reply.dane_off && !entry_reply.overridden &&
                 entry_reply.entry.has_policy);
  CU_ASSERT_EQUAL(mtasts_entry_reply_decide(&entry_reply, time(NULL)).verdict,
                  MTASTS_VERDICT_ENFORCE);
  ask(MTA, "postfix b.example", "NOTFOUND "); /* at once: a look-up would find nothing */
  known("c.example", with_dane(governing(&sample), MTASTS_DANE_USABLE, 300));
  ask(MTA, "postfix c.example", "OK dane-only"); /* it has ended */
  /* A failure of DNSSEC does not hold back mail for a domain that is to have no policy. */
  known("d.example", with_dane(recordless(&sample), MTASTS_DANE_BOGUS, 300));
  ask(MTA, "postfix d.example", "NOTFOUND ");
  front_down();
}

/* If the MTAs' resolver sets no AD bit, they could only defer: a setting lets the policy decide,
 * or TLS. Nothing of that is stored. */
static void test_without_ad(void) {
  struct sample sample;
  for (unsigned policy = 0; policy < 2; policy++) {
    front_up(policy ? WITH_DANE "dns { without_ad = \"policy\" }" : WITH_DANE);
    known("a.example", with_dane(governing(&sample), MTASTS_DANE_USABLE, 300));
    known("m.example", with_dane(governing(&sample), MTASTS_DANE_MIXED, 300));
    struct mtasts_entry *plain = with_dane(recordless(&sample), MTASTS_DANE_USABLE, 300);
    plain->mx_state = MTASTS_MX_LISTED;
    plain->mx_expires = plain->dane_expires;
    known("b.example", plain);
    for (int ad = MTASTS_AD_UNKNOWN; ad <= MTASTS_AD_MISSING; ad++) {
      bool judged = policy && ad == MTASTS_AD_MISSING;
      atomic_store(&fixture.stats.host_ad, ad);
      ask(MTA, "postfix a.example", judged ? SECURE : "OK dane-only");
      ask(MTA, "postfix m.example", judged ? SECURE : "OK dane-only");
      ask(MTA, "postfix b.example", judged ? "OK encrypt" : "OK dane-only");
      struct mtasts_entry_reply entry_reply = ask_ruling("entry b.example");
      CU_ASSERT_EQUAL(mtasts_entry_reply_decide(&entry_reply, time(NULL)).verdict,
                      judged ? MTASTS_VERDICT_ENCRYPT : MTASTS_VERDICT_DANE);
    }
    front_down();
  }
}

/* An attacker who can delay answers past the deadline must not end DANE by that. */
static void test_late(void) {
  struct sample sample;
  front_up(WITH_DANE "ask { deadline = 0.05 }");
  known("a.example", with_dane(recordless(&sample), MTASTS_DANE_USABLE, -3600));
  ask(MTASTS_SOCKET_ASK, "postfix a.example", "OK dane-only");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "a.example", true));
  known("b.example", with_dane(recordless(&sample), MTASTS_DANE_NONE, -3600));
  ask(MTASTS_SOCKET_ASK, "postfix b.example", "NOTFOUND ");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "b.example", true));
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_UNKNOWN), 1);
  front_down();
}

/* Nor does a crowd end a policy: if no request may wait, the policy in force governs. */
static void test_crowded(void) {
  struct sample sample;
  int fds[MTASTS_WAITERS_PENDING_JOB_MAX];
  front_up(WITH_DANE);
  known("a.example", governing(&sample));
  for (size_t i = 0; i < MTASTS_WAITERS_PENDING_JOB_MAX; i++) {
    fds[i] = enter(MTA);
    say(fds[i], i % 2 ? "postfix a.example" : "sts a.example");
  }
  struct mtasts_job *asked = job(MTASTS_JOB_LOOK_UP, "a.example", true);
  silence(fds[MTASTS_WAITERS_PENDING_JOB_MAX - 1], "nothing is known of DANE");
  ask(MTA, "postfix a.example", SECURE);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_UNKNOWN), 0);
  done(asked, MTASTS_OK, with_dane(governing(&sample), MTASTS_DANE_NONE, 300), MTASTS_ASKED);
  expect(fds[1], SECURE);
  for (size_t i = 0; i < MTASTS_WAITERS_PENDING_JOB_MAX; i++)
    close(fds[i]);
  front_down();
}

/* With dnssec off, DANE that is in the cache from before is nothing that is known. */
static void test_late_and_off(void) {
  struct sample sample;
  front_up("ask { deadline = 0.05  on_unknown = \"defer\" }");
  struct mtasts_entry *entry = with_dane(recordless(&sample), MTASTS_DANE_USABLE, 300);
  entry->next_check = time(NULL) - 1;
  known("a.example", entry);
  ask_like(MTASTS_SOCKET_ASK, "postfix a.example", "TEMP ", "a.example");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "a.example", true));
  front_down();
}

/* A look-up that failed by a fault of this host's is cached for a minute, and says nothing of the
 * domain: the site says what happens to its mail. */
static void test_local_fault(void) {
  struct sample sample;
  for (unsigned defer = 0; defer < 2; defer++) {
    front_up(defer ? "dns { dnssec = \"off\" } ask { on_unknown = \"defer\" }"
                   : "dns { dnssec = \"off\" } ask { on_unknown = \"deliver\" }");
    struct mtasts_entry *entry = recordless(&sample);
    entry->record = MTASTS_RECORD_ERROR;
    entry->error = MTASTS_ERROR_DNS;
    entry->next_check = time(NULL) + 60;
    entry->local_fault = true;
    known("a.example", entry);
    ask_like(MTASTS_SOCKET_SOCKETMAP, "postfix a.example", defer ? "TEMP " : "NOTFOUND ",
             defer ? "a.example" : "");
    ask_like(MTASTS_SOCKET_SOCKETMAP, "sts a.example", defer ? "TEMP " : "NOTFOUND ",
             defer ? "a.example" : "");
    ask_like(MTASTS_SOCKET_ASK, "decision a.example", "OK {", "\"verdict\":\"unknown\"");
    front_down();
  }
}

const struct unit_test unit_tests[] = {
    {"a crowd that waits does not end a policy", test_crowded},
    {"DANE from before does not bind with dnssec off", test_late_and_off},
    {"other ports have other TLSA records", test_ports},
    {"what is known binds at the deadline", test_late},
    {"a policy waits until it is known whether DANE comes first", test_dane},
    {"so does an override", test_override_and_dane},
    {"an override says that there is no DANE", test_override_dane_off},
    {"if MTAs cannot use DANE, a setting lets the policy decide", test_without_ad},
    {"with dnssec off there is no DANE", test_dane_off},
    {"until a new configuration says otherwise", test_dane_configured},
    {"what the resolver failed to answer is asked for when it is back", test_resolver_back},
    {"after a fault of this host the site's settings decide", test_local_fault},
    {NULL, NULL},
};
