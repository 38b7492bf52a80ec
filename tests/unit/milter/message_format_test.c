#include "message_format.h"

#include "domain_decision_fixture.h"

const char *const unit_name = "milter/message_format";

static struct fixture fixture;
static char buffer[1800];

static struct mtasts_assessment good(void) {
  return mtasts_assessment_of(decided(&fixture, ENFORCE), span("good.example"));
}

static struct mtasts_assessment without_policy(const char *domain) {
  return mtasts_assessment_of(decided(&fixture, NULL), span(domain));
}

static struct mtasts_assessment at_risk(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  struct mtasts_mx_host other = {.host = span("mx.other.example")};
  mtasts_mx_list_pack(&other, 1, fixture.hosts, &made->entry_reply.entry.mx);
  return mtasts_assessment_of(made, span("good.example"));
}

static const struct mtasts_envelope envelope = {
    .queue_id = {"4Q1", 3}, .from = {"<a@b.example>", 13}, .milliseconds = 12};

static void check_line(const struct mtasts_envelope *from,
                       const struct mtasts_assessment *assessment, enum mtasts_action action,
                       const char *expected) {
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  mtasts_message_format_line(from, assessment, action, &text);
  CU_ASSERT_FALSE(text.full);
  expect(&text, expected);
}

static void lines(void) {
  struct mtasts_assessment assessment = good();
  check_line(&envelope, &assessment, MTASTS_ACTION_NONE,
             "queue=4Q1 from=<a@b.example> domain=good.example verdict=enforce mode=enforce id=id1 "
             "mx=1/1 dane=none source=cache ms=12");
  assessment = without_policy("none.example");
  check_line(&(struct mtasts_envelope){.queue_id = {"", 0}, .milliseconds = -1}, &assessment,
             MTASTS_ACTION_NONE,
             "queue=- from=- domain=none.example verdict=none mode=- id=- mx=0/0 dane=none "
             "source=cache ms=0");
  assessment = at_risk();
  check_line(&envelope, &assessment, MTASTS_ACTION_REJECT,
             "queue=4Q1 from=<a@b.example> domain=good.example verdict=enforce mode=enforce id=id1 "
             "mx=0/1 dane=none source=cache ms=12 at_risk=yes first_mx=mx.other.example "
             "action=reject");
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  made->entry_reply.monitor = true;
  made->entry_reply.entry.error = MTASTS_ERROR_DNS;
  struct mtasts_envelope no_tls = envelope;
  no_tls.tls_not_required = true;
  assessment = mtasts_assessment_of(made, span("good.example"));
  check_line(&no_tls, &assessment, MTASTS_ACTION_NONE,
             "queue=4Q1 from=<a@b.example> domain=good.example verdict=enforce mode=enforce id=id1 "
             "mx=1/1 dane=none source=cache ms=12 error=dns-error tls_required=no "
             "site_mode=monitor");
}

/* Neither a key nor a line can be forged by an address. */
static void hostile_addresses(void) {
  struct mtasts_assessment assessment = without_policy("a verdict=enforce");
  struct mtasts_envelope hostile = {.queue_id = {"q q=1", 5}};
  hostile.from = span("<\"a b\" verdict=x\n\r\t\\@b>");
  check_line(&hostile, &assessment, MTASTS_ACTION_NONE,
             "queue=\"q q=1\" from=\"<\\\"a b\\\" verdict=x\\x0a\\x0d\\x09\\\\@b>\" "
             "domain=\"a verdict=enforce\" verdict=none mode=- id=- mx=0/0 dane=none source=cache "
             "ms=0");
  for (int c = 1; c < 256; c++) {
    char bytes[320];
    char domain[MTASTS_DOMAIN_MAX + 1];
    memset(bytes, c, sizeof bytes);
    memset(domain, c, sizeof domain - 1);
    domain[sizeof domain - 1] = '\0';
    struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
    assessment = without_policy(domain);
    hostile.from = (struct mtasts_span){bytes, sizeof bytes - 1};
    hostile.queue_id = span("4Q1");
    mtasts_message_format_line(&hostile, &assessment, MTASTS_ACTION_NONE, &text);
    size_t quotes = 0;
    size_t keys = 0;
    bool ascii = true;
    for (const char *at = buffer; *at; at++) {
      ascii = ascii && *at >= ' ' && *at <= '~';
      if (*at == '\\')
        at++;
      else if (*at == '"')
        quotes++;
      else
        keys += *at == '=' && quotes % 2 == 0;
    }
    unit_check(ascii && keys == 10 && quotes % 2 == 0 && !text.full, "%#x: %zu keys: %s", c, keys,
               buffer);
  }
}

/* More header fields of our name than are removed: neither the line nor the reply can be forged. */
static void forgery(void) {
  const struct mtasts_forgery many = {"X-MTA-STS", 10000, 10004, 32};
  const struct mtasts_forgery odd = {"X-100%-%s", 33, 40, 32};
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  mtasts_message_format_forgery_line(&envelope, &many, MTASTS_ACTION_REJECT, &text);
  expect(&text, "queue=4Q1 from=<a@b.example> header=X-MTA-STS header_fields=10000/10004 "
                "header_limit=32 action=reject");
  text = MTASTS_STRBUF(buffer);
  mtasts_message_format_forgery_reply(&many, &text);
  expect(&text,
         "the message has 10000 header fields named X-MTA-STS, which only this site may add, "
         "among 10004: more than are removed here; send it without them");
  text = MTASTS_STRBUF(buffer);
  mtasts_message_format_forgery_reply(&odd, &text);
  CU_ASSERT_PTR_NULL(strchr(buffer, '%'));
  CU_ASSERT_FALSE(text.full);
}

/* The header field */

static const char *header(enum mtasts_header_scope scope,
                          const struct mtasts_assessment *assessments, size_t count, bool alone,
                          bool tls_not_required) {
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  buffer[0] = '\0';
  return mtasts_message_format_header(scope, assessments, count, alone, tls_not_required, &text)
             ? buffer
             : "none";
}

static void single(void) {
  const enum mtasts_header_scope scope = MTASTS_HEADER_SINGLE;
  struct mtasts_assessment assessments[] = {good(), without_policy("none.example")};
  struct mtasts_assessment risk = at_risk();
  CU_ASSERT_STRING_EQUAL(header(scope, assessments, 1, true, false),
                         "protected=yes; verdict=enforce; domain=good.example; id=id1");
  CU_ASSERT_STRING_EQUAL(
      header(scope, assessments, 1, true, true),
      "protected=no; verdict=enforce; domain=good.example; id=id1; tls_required=no");
  CU_ASSERT_STRING_EQUAL(header(scope, &risk, 1, true, false),
                         "protected=no; verdict=enforce; domain=good.example; id=id1");
  CU_ASSERT_STRING_EQUAL(header(scope, assessments + 1, 1, true, false),
                         "protected=no; verdict=none; domain=none.example; id=-");
  CU_ASSERT_STRING_EQUAL(header(scope, assessments, 2, true, false), "none");
  CU_ASSERT_STRING_EQUAL(header(scope, assessments, 1, false, false), "none");
  CU_ASSERT_STRING_EQUAL(header(scope, assessments, 0, true, false), "none");
}

static void all(void) {
  const enum mtasts_header_scope scope = MTASTS_HEADER_ALL;
  struct mtasts_assessment assessments[] = {good(), good(), without_policy("none.example"),
                                            without_policy("none.example")};
  CU_ASSERT_STRING_EQUAL(header(scope, assessments, 1, true, false), "protected=all");
  CU_ASSERT_STRING_EQUAL(header(scope, assessments, 2, false, false), "protected=all");
  CU_ASSERT_STRING_EQUAL(header(scope, assessments, 3, true, false), "protected=some");
  CU_ASSERT_STRING_EQUAL(header(scope, assessments + 2, 2, false, false), "protected=none");
  CU_ASSERT_STRING_EQUAL(header(scope, assessments, 2, true, true), "protected=none");
  CU_ASSERT_STRING_EQUAL(header(scope, assessments, 0, true, false), "none");
}

static void never(void) {
  struct mtasts_assessment assessment = good();
  CU_ASSERT_STRING_EQUAL(header(MTASTS_HEADER_NEVER, &assessment, 1, true, false), "none");
}

/* A recipient's domain that is none must not add to the field. */
static void hostile_domains(void) {
  struct mtasts_assessment assessment = without_policy("[192.0.2.1]");
  CU_ASSERT_STRING_EQUAL(header(MTASTS_HEADER_SINGLE, &assessment, 1, true, false),
                         "protected=no; verdict=none; domain=[192.0.2.1]; id=-");
  assessment = without_policy("[ipv6:2001:db8::1]");
  CU_ASSERT_STRING_EQUAL(header(MTASTS_HEADER_SINGLE, &assessment, 1, true, false),
                         "protected=no; verdict=none; domain=[ipv6:2001:db8::1]; id=-");
  assessment = without_policy("a; protected=yes (x)\r\nb%s");
  CU_ASSERT_STRING_EQUAL(
      header(MTASTS_HEADER_SINGLE, &assessment, 1, true, false),
      "protected=no; verdict=none; domain=a??protected?yes??x??x0d?x0ab?s; id=-");
}

/* Replies to the sender */

static void check_reply(const struct mtasts_assessment *assessment, enum mtasts_action action,
                        const char *expected) {
  char reply[900] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(reply);
  mtasts_message_format_reply(assessment, action, &text);
  CU_ASSERT_FALSE(text.full);
  CU_ASSERT_PTR_NULL(strpbrk(reply, "%\r\n"));
  if (expected)
    expect(&text, expected);
}

static void told(void) {
  struct mtasts_assessment assessment = at_risk();
  check_reply(&assessment, MTASTS_ACTION_REJECT,
              "good.example demands by its MTA-STS policy (RFC 8461, id id1) that mail goes only "
              "to mail servers which the policy lists, and it lists none of the domain's own, such "
              "as mx.other.example: the message cannot be delivered safely and was not sent; the "
              "domain's postmaster must correct the policy");
  check_reply(&assessment, MTASTS_ACTION_TEMPFAIL,
              "good.example demands by its MTA-STS policy (RFC 8461, id id1) that mail goes only "
              "to mail servers which the policy lists, and it lists none of the domain's own, such "
              "as mx.other.example: the message cannot be delivered safely until the domain's "
              "postmaster has corrected the policy");
  assessment.id[0] = '\0';
  check_reply(&assessment, MTASTS_ACTION_QUARANTINE,
              "good.example demands by its MTA-STS policy (RFC 8461, id unknown) that mail goes "
              "only to mail servers which the policy lists, and it lists none of the domain's own, "
              "such as mx.other.example: the message cannot be delivered safely until the domain's "
              "postmaster has corrected the policy");
  assessment.wait = true;
  check_reply(&assessment, MTASTS_ACTION_TEMPFAIL,
              "the MTA-STS policy of good.example cannot be looked up at the moment: please try "
              "again later");
}

/* The longest names fit, and any text in the place of a name does no harm. */
static void told_of_anything(void) {
  for (int c = 1; c < 256; c++) {
    struct mtasts_assessment assessment = at_risk();
    memset(assessment.domain, c, MTASTS_DOMAIN_MAX);
    memset(assessment.mx, 'm', MTASTS_DOMAIN_MAX);
    memset(assessment.id, 'i', MTASTS_ID_MAX);
    assessment.domain[MTASTS_DOMAIN_MAX] = assessment.mx[MTASTS_DOMAIN_MAX] =
        assessment.id[MTASTS_ID_MAX] = '\0';
    check_reply(&assessment, MTASTS_ACTION_REJECT, NULL);
    assessment.wait = true;
    check_reply(&assessment, MTASTS_ACTION_TEMPFAIL, NULL);
  }
}

static void names(void) {
  CU_ASSERT_STRING_EQUAL(mtasts_action_name(MTASTS_ACTION_NONE), "none");
  CU_ASSERT_STRING_EQUAL(mtasts_action_name(MTASTS_ACTION_ACCEPT), "accept");
  CU_ASSERT_STRING_EQUAL(mtasts_action_name(MTASTS_ACTION_QUARANTINE), "quarantine");
  CU_ASSERT_STRING_EQUAL(mtasts_action_name(MTASTS_ACTION_TEMPFAIL), "tempfail");
  CU_ASSERT_STRING_EQUAL(mtasts_action_name(MTASTS_ACTION_REJECT), "reject");
}

const struct unit_test unit_tests[] = {{"more fields of our name than are removed", forgery},
                                       {"the log line", lines},
                                       {"addresses forge neither key nor line", hostile_addresses},
                                       {"the header for one domain", single},
                                       {"the header for all", all},
                                       {"no header", never},
                                       {"domains forge nothing in the header", hostile_domains},
                                       {"the reply to the sender", told},
                                       {"of anything at all", told_of_anything},
                                       {"the names of actions", names},
                                       {NULL, NULL}};
