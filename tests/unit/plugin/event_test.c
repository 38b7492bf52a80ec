/* Sessions by the events that Exim raises, and their reported outcomes. */
#include "event.h"

#include "domain_decision_fixture.h"
#include "outcome_format.h"

const char *const unit_name = "plugin/event";

static struct fixture fixture;
static struct mtasts_smtp_session session;
static struct mtasts_smtp_session_ending ending;
static struct mtasts_event event;

static const char ehlo[] =
    "250-mail.good.example Hello us\n250-SIZE 1000\n250-STARTTLS\n250 HELP\n";
static const char plain_ehlo[] = "250-mail.good.example Hello us\n250 XSTARTTLS\n";

/* Raises an event of a session with mx1.good.example. Does the event end the session? */
static bool raise(const char *name, const char *data, const char *extra) {
  event = mtasts_event_read(span(name), span("mx1.good.example"), span("192.0.2.25"), span(data),
                            span(extra));
  return mtasts_smtp_session_follow(&session, &event) &&
         mtasts_smtp_session_end(&session, &event, &fixture.decided, &ending);
}

static void begin(const char *policy) {
  session = (struct mtasts_smtp_session){.counted = false};
  decided(&fixture, policy);
}

static void connect_and_greet(const char *reply) {
  CU_ASSERT_FALSE(raise("tcp:connect", "", " cv=0 ver= dane="));
  CU_ASSERT_FALSE(raise("smtp:connect", "220 hello", " cv=0 ver= dane="));
  CU_ASSERT_FALSE(raise("smtp:ehlo", reply, " cv=0 ver= dane="));
}

static void expect_reason(const char *reason) {
  struct mtasts_span wanted = span(reason);
  unit_check(ending.reason.len == wanted.len &&
                 memcmp(ending.reason.data, wanted.data, wanted.len) == 0,
             "%s: %.*s", reason, (int)ending.reason.len, ending.reason.data);
}

#define CLOSED_VERIFIED " cv=1 ver=TLS1.3 dane="
#define CLOSED_TLS      " cv=0 ver=TLS1.3 dane="
#define CLOSED_BROKEN   " cv=0 ver= dane= sni=mx1.good.example"
#define CLOSED_PLAIN    " cv=0 ver= dane="

/* Exim calls the host by the name at the end of an alias; the policy lists that or the MX name. */
static void test_alias(void) {
  begin(ENFORCE);
  connect_and_greet(ehlo);
  mtasts_smtp_session_is_mx(&session, span("mx9.bad.example"));
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_VERIFIED));
  expect_reason("mtasts-policy-mx-mismatch");
  begin(ENFORCE);
  session = (struct mtasts_smtp_session){.counted = false};
  event = mtasts_event_read(span("tcp:connect"), span("end.example"), span("192.0.2.25"), span(""),
                            span(""));
  CU_ASSERT_FALSE(mtasts_smtp_session_follow(&session, &event));
  mtasts_smtp_session_is_mx(&session, span("mx1.good.example"));
  event.name = MTASTS_EVENT_CLOSE;
  event.tls = event.verified = true;
  CU_ASSERT_TRUE(mtasts_smtp_session_follow(&session, &event));
  CU_ASSERT_TRUE(mtasts_smtp_session_end(&session, &event, &fixture.decided, &ending));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_SUCCESS);
}

/* Testing: Exim says no more than that it has not verified the certificate. */
static void test_not_trusted(void) {
  begin(TESTING);
  connect_and_greet(ehlo);
  mtasts_smtp_session_certificate(&session, span("mx1.good.example"), span("a.example"),
                                  MTASTS_RESULT_SUCCESS);
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_TLS));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_NOT_TRUSTED);
  expect_reason("issuer not trusted");
  begin(TESTING); /* if mtasts_cert did not see the certificate */
  connect_and_greet(ehlo);
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_TLS));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_VALIDATION);
}

static void test_success(void) {
  static const char *const policies[] = {ENFORCE, TESTING, NULL};
  for (size_t i = 0; i < 3; i++) {
    begin(policies[i]);
    connect_and_greet(ehlo);
    CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_VERIFIED));
    CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_SUCCESS);
    CU_ASSERT_FALSE(ending.dane);
    CU_ASSERT_FALSE(raise("tcp:close", "", CLOSED_VERIFIED)); /* once */
    CU_ASSERT_FALSE(raise("msg:host:defer", "451 later", "0"));
  }
  begin(NULL); /* no policy asks for a certificate */
  connect_and_greet(ehlo);
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_TLS));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_SUCCESS);
  begin(ENFORCE);
  connect_and_greet(ehlo);
  CU_ASSERT_TRUE(raise("tcp:close", "", "0 cv=1 ver=TLS1.3 dane=yes"));
  CU_ASSERT_TRUE(ending.dane);
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_SUCCESS);
}

/* What Exim says, and which of RFC 8460's results that is. */
static void test_deferrals(void) {
  static const struct {
    const char *extra;
    const char *text;
    enum mtasts_result_type seen;
    enum mtasts_result_type result;
  } cases[] = {
      {"-38", "a TLS session is required, but the server did not offer TLS support", 0,
       MTASTS_RESULT_NO_STARTTLS},
      {"-38", "a TLS session is required, but an attempt to start TLS failed", 0,
       MTASTS_RESULT_NO_STARTTLS},
      {"-37", "TLS session: (certificate verification failed): certificate invalid", 0,
       MTASTS_RESULT_NOT_TRUSTED},
      {"-37", "TLS session: (certificate verification failed): certificate invalid",
       MTASTS_RESULT_EXPIRED, MTASTS_RESULT_EXPIRED},
      {"-37", "TLS session: (certificate verification failed)", 0, MTASTS_RESULT_HOST_MISMATCH},
      {"-37", "TLS session: (gnutls_handshake): error", MTASTS_RESULT_HOST_MISMATCH,
       MTASTS_RESULT_HOST_MISMATCH},
      {"-37", "TLS session: certificate verify failed: certificate has expired", 0,
       MTASTS_RESULT_EXPIRED},
      {"-37", "TLS session: (gnutls_handshake): unexpected packet", 0, MTASTS_RESULT_VALIDATION},
      {"0", "SMTP error from remote mail server after STARTTLS: 454 no", 0,
       MTASTS_RESULT_NO_STARTTLS},
      {"-18", "Remote host closed connection in response to STARTTLS", 0, MTASTS_RESULT_VALIDATION},
      {"110", "SMTP timeout after STARTTLS: Connection timed out", 0, MTASTS_RESULT_VALIDATION},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    begin(ENFORCE);
    connect_and_greet(ehlo);
    if (cases[i].seen)
      mtasts_smtp_session_certificate(&session, span("mx1.good.example"), span("a.example"),
                                      cases[i].seen);
    CU_ASSERT_FALSE(raise("tcp:close", "", CLOSED_PLAIN)); /* the deferral has the reason */
    unit_check(raise("msg:host:defer", cases[i].text, cases[i].extra), "%s", cases[i].text);
    unit_check(ending.result == cases[i].result, "%s: %u", cases[i].text, ending.result);
    CU_ASSERT_FALSE(raise("msg:host:defer", cases[i].text, cases[i].extra));
  }
  static const char *const others[] = {"451 greylisted", "Connection timed out",
                                       "SMTP error after MAIL FROM: 451 no"};
  for (size_t i = 0; i < 3; i++) {
    begin(ENFORCE);
    connect_and_greet(ehlo);
    unit_check(!raise("msg:host:defer", others[i], i == 1 ? "110" : "0"), "%s", others[i]);
  }
}

/* Exim goes on in clear, on a new connection, which is no second session. */
static void test_in_clear(void) {
  begin(TESTING);
  connect_and_greet(plain_ehlo);
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_PLAIN));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_NO_STARTTLS);

  begin(TESTING);
  connect_and_greet(ehlo);
  CU_ASSERT_FALSE(raise("tcp:close", "", CLOSED_BROKEN)); /* the deferral has the reason */
  CU_ASSERT_TRUE(raise("msg:host:defer", "TLS session: (gnutls_handshake): odd", "-37"));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_VALIDATION);
  expect_reason("(gnutls_handshake): odd");
  connect_and_greet(ehlo);
  CU_ASSERT_FALSE(raise("tcp:close", "", CLOSED_PLAIN));
  connect_and_greet(ehlo); /* that was the retry in clear; this is a session of its own */
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_VERIFIED));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_SUCCESS);

  begin(TESTING); /* STARTTLS was refused */
  connect_and_greet(ehlo);
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_PLAIN));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_NO_STARTTLS);
  expect_reason("STARTTLS refused");

  begin(TESTING); /* EHLO was refused */
  connect_and_greet("500 what? no");
  CU_ASSERT_STRING_EQUAL(session.helo, "");
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_PLAIN));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_NO_STARTTLS);
  expect_reason("STARTTLS not offered");

  begin(TESTING);
  connect_and_greet(ehlo);
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_TLS)); /* not verified: reported */
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_VALIDATION);

  begin(TESTING); /* Exim took the CN for a name */
  connect_and_greet(ehlo);
  mtasts_smtp_session_certificate(&session, span("mx1.good.example"), span("a.example"),
                                  MTASTS_RESULT_HOST_MISMATCH);
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_VERIFIED));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_HOST_MISMATCH);

  begin(NULL); /* never greeted: no session */
  CU_ASSERT_FALSE(raise("tcp:connect", "", ""));
  CU_ASSERT_FALSE(raise("tcp:close", "", CLOSED_PLAIN));
}

static void test_two_hosts(void) {
  begin(ENFORCE);
  connect_and_greet(plain_ehlo);
  CU_ASSERT_FALSE(raise("tcp:close", "", CLOSED_PLAIN));
  CU_ASSERT_TRUE(raise("msg:host:defer", "not offered", "-38"));
  event = mtasts_event_read(span("tcp:connect"), span("a.wild.example"), span("192.0.2.26"),
                            span(""), span("-38 cv=0"));
  CU_ASSERT_FALSE(mtasts_smtp_session_follow(&session, &event));
  event.name = MTASTS_EVENT_CLOSE;
  event.tls = event.verified = true;
  CU_ASSERT_TRUE(mtasts_smtp_session_follow(&session, &event));
  CU_ASSERT_TRUE(mtasts_smtp_session_end(&session, &event, &fixture.decided, &ending));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_SUCCESS);
}

/* mx1.good.example is the host of a domain whose TLSA records are in this state. */
static void begin_dane(const char *policy, enum mtasts_dane state) {
  struct mtasts_entry *entry = &fixture.decided.entry_reply.entry;
  struct mtasts_mx_host mx = {.host = span("mx1.good.example"), .dane = state};
  begin(policy);
  mtasts_mx_list_pack(&mx, 1, fixture.hosts, &entry->mx);
  entry->mx_state = MTASTS_MX_LISTED;
  entry->mx_expires = entry->dane_expires = NOW + 300;
  entry->dane = state;
  decide(&fixture);
}

/* What Exim says after dane:fail, and what that is in RFC 8460. */
static void test_dane(void) {
  static const struct {
    const char *data, *error, *text;
    enum mtasts_result_type result;
    const char *reason;
  } cases[] = {
      {"validation-failure", "-37",
       "TLS session: (certificate verification failed): Verification failed. The certificate "
       "differs. ",
       MTASTS_RESULT_TLSA_INVALID, "certificate matches no TLSA record"},
      {"validation-failure", "-37",
       "TLS session: (certificate verification failed): certificate invalid",
       MTASTS_RESULT_HOST_MISMATCH, ""},
      {"validation-failure", "-37", "TLS session: (SSL_connect): certificate verify failed",
       MTASTS_RESULT_TLSA_INVALID, "certificate matches no TLSA record"},
      {"validation-failure", "-37", "TLS session: TLSA record problem: none usable",
       MTASTS_RESULT_TLSA_INVALID, "TLSA record problem: none usable"},
      {"validation-failure", "-37", "TLS session: (gnutls_handshake): odd",
       MTASTS_RESULT_VALIDATION, "(gnutls_handshake): odd"},
      {"validation-failure", "-38", "an attempt to start TLS failed", MTASTS_RESULT_NO_STARTTLS,
       "STARTTLS refused"},
      {"", "-37", "TLS session: odd", MTASTS_RESULT_VALIDATION, "odd"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    begin_dane(ENFORCE, MTASTS_DANE_USABLE);
    connect_and_greet(ehlo);
    mtasts_smtp_session_certificate(&session, span("mx1.good.example"), span("a.example"),
                                    MTASTS_RESULT_EXPIRED); /* to DANE-EE that is nothing */
    CU_ASSERT_FALSE(raise("dane:fail", cases[i].data, "tlsa=8"));
    CU_ASSERT_FALSE(raise("tcp:close", "", CLOSED_BROKEN));
    unit_check(raise("msg:host:defer", cases[i].text, cases[i].error), "%s", cases[i].text);
    CU_ASSERT_TRUE(ending.dane);
    unit_check(ending.result == cases[i].result, "%s: %u", cases[i].text, ending.result);
    expect_reason(cases[i].reason);
    CU_ASSERT_FALSE(raise("msg:host:defer", cases[i].text, cases[i].error));
  }
}

/* Nothing follows these. */
static void test_dane_lookup(void) {
  static const struct {
    const char *data;
    enum mtasts_dane state;
    enum mtasts_result_type result;
    bool ours;
  } cases[] = {
      {"dnssec-invalid", MTASTS_DANE_USABLE, MTASTS_RESULT_DNSSEC_INVALID, false},
      {"dane-required", MTASTS_DANE_NONE, MTASTS_RESULT_DANE_REQUIRED, false},
      {"dane-required", MTASTS_DANE_UNUSABLE, MTASTS_RESULT_TLSA_INVALID, false},
      /* Exim does not find what mtastsd has seen. */
      {"dane-required", MTASTS_DANE_USABLE, MTASTS_RESULT_DANE_REQUIRED, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    begin_dane(NULL, cases[i].state);
    CU_ASSERT_TRUE(raise("dane:fail", cases[i].data, ""));
    CU_ASSERT_TRUE(ending.dane);
    unit_check(ending.result == cases[i].result && ending.ours == cases[i].ours, "%s, case %zu: %u",
               cases[i].data, i, ending.result);
    CU_ASSERT_FALSE(raise("tcp:close", "", CLOSED_PLAIN));
    CU_ASSERT_FALSE(raise("msg:host:defer", "TLS session", "-37"));
  }
}

/* Exim raises dane:fail as well if it can use none of the TLSA records. The policy judges then. */
static void test_dane_unusable(void) {
  begin_dane(ENFORCE, MTASTS_DANE_UNUSABLE);
  connect_and_greet(ehlo);
  CU_ASSERT_FALSE(raise("dane:fail", "validation-failure", "tlsa=0"));
  CU_ASSERT_FALSE(raise("tcp:close", "", CLOSED_BROKEN));
  CU_ASSERT_TRUE(raise("msg:host:defer",
                       "TLS session: (certificate verification failed): certificate invalid",
                       "-37 self=yes"));
  CU_ASSERT_FALSE(ending.dane);
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_NOT_TRUSTED);
  expect_reason("self-signed certificate");

  begin_dane(NULL, MTASTS_DANE_UNUSABLE); /* TLS, whatever the certificate (RFC 7672 section 2.2) */
  CU_ASSERT_EQUAL(fixture.decided.decision.verdict, MTASTS_VERDICT_ENCRYPT);
  connect_and_greet(ehlo);
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_TLS));
  CU_ASSERT_TRUE(ending.dane);
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_SUCCESS);
  begin_dane(NULL, MTASTS_DANE_UNUSABLE);
  connect_and_greet(plain_ehlo);
  CU_ASSERT_FALSE(raise("tcp:close", "", CLOSED_PLAIN));
  CU_ASSERT_TRUE(raise("msg:host:defer", "not offered", "-38"));
  CU_ASSERT_TRUE(ending.dane);
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_NO_STARTTLS);
}

/* Exim passes a connection to the process of its next message. Only the last one closes it. */
static void test_passed_on(void) {
  begin(NULL);
  CU_ASSERT_TRUE(raise("tcp:close", "", CLOSED_PLAIN));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_NO_STARTTLS);
  expect_reason("");
  begin(ENFORCE); /* STARTTLS again, on the same connection */
  mtasts_smtp_session_certificate(&session, span("mx1.good.example"), span("a.example"),
                                  MTASTS_RESULT_HOST_MISMATCH);
  CU_ASSERT_FALSE(raise("tcp:close", "", CLOSED_BROKEN));
  CU_ASSERT_TRUE(raise("msg:host:defer", "TLS session: (gnutls_handshake): error", "-37"));
  CU_ASSERT_EQUAL(ending.result, MTASTS_RESULT_HOST_MISMATCH);
}

static void test_callout(void) {
  begin(ENFORCE);
  event = mtasts_event_read(span("tcp:close"), span(""), span(""), span(""), span(CLOSED_VERIFIED));
  CU_ASSERT_FALSE(mtasts_smtp_session_follow(&session, &event));
}

static void test_hostile(void) {
  static char long_host[4000];
  static const char *const extras[] = {"",       "=",   "-",      "99999999999", "ver",
                                       "-37-37", "= =", "cv=1cv", "ver==dane==", "\x80\xff",
                                       "   "};
  memset(long_host, 'a', sizeof long_host - 1);
  begin(ENFORCE);
  for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
    event = mtasts_event_read(span("smtp:ehlo"), span(long_host), span(long_host), span(long_host),
                              span(extras[i]));
    CU_ASSERT_FALSE(mtasts_smtp_session_follow(&session, &event));
    unit_check(event.error == 0 && !event.verified && !event.dane, "%s", extras[i]);
  }
  CU_ASSERT_EQUAL(strlen(session.host), sizeof session.host - 1);
  static const char *const replies[] = {"", "\n", "250", "250-", "250-\n250-STARTTLS", "STARTTLS"};
  for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
    begin(ENFORCE);
    raise("smtp:ehlo", replies[i], "");
    unit_check(session.offered == (i == 4), "%s", replies[i]);
  }
}

/* reported outcomes */

static void check_datagram(const struct mtasts_smtp_session_outcome *told, const char *expected) {
  static char room[MTASTS_DATAGRAM_MAX];
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  mtasts_outcome_format_datagram(told, &text);
  expect(&text, expected);
}

#define STS                                                                                        \
  "{\"dpv\":\"1\",\"d\":\"good.example\",\"policies\":[{\"policy-type\":2,"                        \
  "\"policy-domain\":\"good.example\""
#define STS_POLICY                                                                                 \
  STS ",\"policy-string\":[\"version: STSv1\",\"mode: enforce\",\"mx: mx1.good.example\","         \
      "\"mx: *.wild.example\",\"max_age: 86400\"],"                                                \
      "\"mx-host\":[\"mx1.good.example\",\"*.wild.example\"]"
#define WHERE "\"n\":\"mx1.good.example\",\"h\":\"mail.good.example\",\"r\":\"192.0.2.25\""

static void test_datagram(void) {
  begin(ENFORCE);
  connect_and_greet(ehlo);
  struct mtasts_smtp_session_outcome told = {
      .decided = &fixture.decided,
      .session = &session,
      .ending = {.result = MTASTS_RESULT_SUCCESS, .rule = "", .reason = {"", 0}},
      .sender = {"192.0.2.1", 9}};
  check_datagram(&told, STS_POLICY ",\"t\":0,\"f\":0}]}");
  told.ending.result = MTASTS_RESULT_NOT_TRUSTED;
  told.ending.reason = (struct mtasts_span){"a \"b\"\\\n\x80", 8};
  check_datagram(&told, STS_POLICY ",\"failure-details\":[{\"c\":203,\"s\":\"192.0.2.1\"," WHERE
                                   ",\"f\":\"a \\\"b\\\"\\\\\\\\x0a\\\\x80\"}],\"t\":1,\"f\":1}]}");
  told.detail.len = 0;
  told.sender.len = 0;
  told.ending = mtasts_smtp_session_ending_unlisted;
  check_datagram(&told, STS_POLICY ",\"failure-details\":[{\"c\":205," WHERE
                                   ",\"f\":\"mtasts-policy-mx-mismatch\"}],\"t\":1,\"f\":1}]}");
  told.ending.dane = true;
  told.ending.result = MTASTS_RESULT_SUCCESS;
  check_datagram(&told, "{\"dpv\":\"1\",\"d\":\"good.example\",\"policies\":[{\"policy-type\":1,"
                        "\"policy-domain\":\"mx1.good.example\",\"t\":0,\"f\":0}]}");
  told.tlsa = span("3 1 1 ab:2 0 1 cd");
  check_datagram(&told, "{\"dpv\":\"1\",\"d\":\"good.example\",\"policies\":[{\"policy-type\":1,"
                        "\"policy-domain\":\"mx1.good.example\",\"policy-string\":[\"3 1 1 ab\","
                        "\"2 0 1 cd\"],\"t\":0,\"f\":0}]}");
  told.ending.dane = false;
  fixture.decided.entry_reply.overridden = true; /* this site's own policy */
  decide(&fixture);
  check_datagram(&told, "{\"dpv\":\"1\",\"d\":\"good.example\",\"policies\":[{\"policy-type\":9,"
                        "\"policy-domain\":\"good.example\",\"t\":0,\"f\":0}]}");
}

static void test_discovery_failed(void) {
  begin(NULL);
  connect_and_greet(ehlo);
  struct mtasts_smtp_session_outcome told = {
      .decided = &fixture.decided,
      .session = &session,
      .ending = {.result = MTASTS_RESULT_SUCCESS, .rule = "", .reason = {"", 0}},
      .detail = {"", 0},
      .sender = {"", 0},
      .tlsa = {"", 0}};
  fixture.decided.entry_reply.entry.error = MTASTS_ERROR_POLICY_FETCH;
  fixture.decided.entry_reply.entry.detail = span("HTTP status 404");
  check_datagram(&told, STS ",\"failure-details\":[{\"c\":301," WHERE
                            ",\"f\":\"HTTP status 404\"}],\"t\":1,\"f\":1}]}");
}

static void test_too_long(void) {
  static char policy[MTASTS_POLICY_MAX + 1];
  size_t len =
      (size_t)snprintf(policy, sizeof policy, "version: STSv1\nmode: enforce\nmax_age: 86400\n");
  for (unsigned i = 0; len < 60000; i++)
    len += (size_t)snprintf(policy + len, sizeof policy - len, "mx: mx%u.example\n", i);
  begin(policy);
  struct mtasts_smtp_session_outcome told = {
      .decided = &fixture.decided,
      .session = &session,
      .ending = {.result = MTASTS_RESULT_SUCCESS, .rule = "", .reason = {"", 0}},
      .detail = {"", 0},
      .sender = {"", 0},
      .tlsa = {"", 0}};
  check_datagram(&told, STS ",\"t\":0,\"f\":0}]}");
}

static void test_line(void) {
  char room[2048];
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  begin(ENFORCE);
  connect_and_greet(ehlo);
  CU_ASSERT_TRUE(raise("msg:host:defer", "not \"offered\"\n", "-38"));
  struct mtasts_smtp_session_outcome told = {
      .decided = &fixture.decided, .session = &session, .ending = ending, .detail = event.data};
  mtasts_outcome_format_line(&told, &text);
  expect(&text, "MTA-STS: deferred domain=good.example mx=mx1.good.example address=192.0.2.25 "
                "result=starttls-not-supported rule=\"enforce: STARTTLS with a valid certificate "
                "(RFC 8461 section 4.2)\" id=id1 detail=\"not \\\"offered\\\"\\x0a\" "
                "remedy=\"mtasts query --refresh good.example\"");
  fixture.decided.entry_reply.monitor = true;
  text.len = 0;
  mtasts_outcome_format_line(&told, &text);
  CU_ASSERT_EQUAL(strncmp(text.data, "MTA-STS: would defer domain=", 28), 0);
}

const struct unit_test unit_tests[] = {
    {"the name in the MX record", test_alias},
    {"an untrusted certificate, mode testing", test_not_trusted},
    {"a session that succeeded is reported once", test_success},
    {"a deferral because of TLS is reported with its reason", test_deferrals},
    {"mail that went in clear is one failed session", test_in_clear},
    {"the next host is another session", test_two_hosts},
    {"DANE's failures are DANE's", test_dane},
    {"TLSA records that Exim cannot get or use", test_dane_lookup},
    {"TLSA records of which none is usable", test_dane_unusable},
    {"a connection of several processes is one session", test_passed_on},
    {"a callout is no session", test_callout},
    {"hostile events do no harm", test_hostile},
    {"the datagram", test_datagram},
    {"a policy that could not be had is the domain's failure", test_discovery_failed},
    {"a policy too long for a datagram is left out", test_too_long},
    {"the log line", test_line},
    {NULL, NULL},
};
