#include "validator.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "namespace.h"
#include "scripted_dns.h"
#include "unit.h"

#define ANCHORS "tests/data/dnssec/"

static const char *const servers[] = {"127.0.0.1@5300"};

static const struct dns_line sound[] = {{NULL, NULL, NULL}};
static const struct dns_line silent[] = {{"", "DROP", ""}, {NULL, NULL, NULL}};
static const struct dns_line keyless[] = {{"", "RCODE", "5 DNSKEY"}, {NULL, NULL, NULL}};
static const struct dns_line chainless[] = {{"example", "RCODE", "2 DNSKEY"}, {NULL, NULL, NULL}};

struct fixture {
  struct event_base *base;
  struct mtasts_resolver *plain;
  struct mtasts_validator *validator;
  struct dns_server server;
  struct tree *tree;
  char anchor[64]; /* a file that may change */

  unsigned checks;
  unsigned changed;
  bool silent;   /* the last check */
  char why[256]; /* at the last check; "" if it succeeded */
  char remedy[256];
};

struct result {
  struct event_base *base;
  size_t count;
  unsigned calls;
  enum mtasts_dns_status outcome;
  enum mtasts_security security;
  char detail[MTASTS_DETAIL_MAX + 1];
};

static void checked(void *context, const struct mtasts_validator_check *check) {
  struct fixture *f = context;
  f->checks++;
  f->changed += check->changed;
  f->silent = check->silent;
  snprintf(f->why, sizeof f->why, "%s", check->why ? check->why : "");
  snprintf(f->remedy, sizeof f->remedy, "%s", check->why ? check->remedy : "");
}

static void use_anchor(struct fixture *f, const char *name) {
  char bytes[4096] = "";
  FILE *from = fopen(name, "re");
  FILE *to = fopen(f->anchor, "we");
  CU_ASSERT_TRUE_FATAL(from && to);
  fwrite(bytes, 1, fread(bytes, 1, sizeof bytes, from), to);
  fclose(from);
  fclose(to);
}

static void set_up(struct fixture *f, const char *anchor, bool require, uint32_t recheck_after) {
  const struct mtasts_resolver_options options = {
      .servers = servers, .server_count = 1, .timeout = 1};
  char error[MTASTS_ERROR_TEXT] = "";
  memset(f, 0, sizeof *f);
  snprintf(f->anchor, sizeof f->anchor, "/tmp/mtasts-anchor-XXXXXX");
  close(mkstemp(f->anchor));
  if (anchor)
    use_anchor(f, anchor);
  else
    unlink(f->anchor);
  f->tree = tree_load("tests/data/dnssec/tree.txt");
  bool ok = f->tree && namespace_enter() && dns_start(&f->server, 5300, sound) &&
            (f->base = event_base_new()) != NULL &&
            mtasts_resolver_new(f->base, &options, error, &f->plain) == MTASTS_OK;
  unit_check(ok, "fixture: %s", error);
  CU_ASSERT_TRUE_FATAL(ok);
  f->server.tree = f->tree;
  struct mtasts_validator_options validating = {.resolver = options,
                                                .plain = f->plain,
                                                .require = require,
                                                .recheck_after = recheck_after,
                                                .checked = checked,
                                                .context = f};
  validating.resolver.trust_anchor = f->anchor;
  CU_ASSERT_EQUAL_FATAL(mtasts_validator_new(f->base, &validating, &f->validator), MTASTS_OK);
}

static void tear_down(struct fixture *f) {
  mtasts_validator_free(f->validator);
  mtasts_resolver_free(f->plain);
  event_base_free(f->base);
  dns_stop(&f->server);
  free(f->tree);
  unlink(f->anchor);
}

static void take(void *context, const struct mtasts_dns_answer *answer) {
  struct result *result = context;
  result->calls++;
  result->outcome = answer->outcome;
  result->security = answer->security;
  snprintf(result->detail, sizeof result->detail, "%s", answer->detail);
  result->count = answer->outcome == MTASTS_DNS_FAILED ? 0 : answer->message.count;
  event_base_loopbreak(result->base);
}

/* Waits until earlier checks are no longer fresh, if freshness is a millisecond. */
static struct result ask(struct fixture *f, const char *name) {
  struct result result = {.base = f->base, .detail = "no answer"};
  struct mtasts_validation *validation;
  usleep(5000);
  CU_ASSERT_EQUAL_FATAL(
      mtasts_validator_ask(f->validator, name, MTASTS_RR_MX, take, &result, &validation),
      MTASTS_OK);
  CU_ASSERT_EQUAL(result.calls, 0);
  while (result.calls == 0)
    event_base_dispatch(f->base);
  return result;
}

#define CHECK_ANSWER(result, wanted_outcome, wanted_security)                                      \
  unit_check((result).outcome == (wanted_outcome) && (result).security == (wanted_security),       \
             "line %d: outcome %d, security %d: %s", __LINE__, (result).outcome,                   \
             (result).security, (result).detail)

static void works(void) {
  struct fixture f;
  set_up(&f, ANCHORS "root.key", false, 0);
  struct result result = ask(&f, "good.example");
  CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE);
  CU_ASSERT_EQUAL(result.count, 2);
  result = ask(&f, "unsigned.example");
  CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_INSECURE);
  result = ask(&f, "badsig.example");
  CHECK_ANSWER(result, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS);
  unit_check(strstr(result.detail, "MX badsig.example: ") == result.detail, "%s", result.detail);
  CU_ASSERT_EQUAL(f.checks, 1); /* it was fresh */
  CU_ASSERT_EQUAL(f.changed, 0);
  CU_ASSERT_STRING_EQUAL(f.why, "");
  tear_down(&f);
}

/* What makes validation impossible from the first, with what is said of it. */
static void broken(void) {
  static const struct {
    const char *anchor;
    bool strips;
    const struct dns_line *lines;
    const char *why;
    const char *remedy;
  } cases[] = {
      {ANCHORS "root.key", true, sound, "without signatures", "dns.servers"},
      {ANCHORS "retired.key", false, sound, "does not match /tmp/", "out of date"},
      {ANCHORS "pending.key", false, sound, "does not match /tmp/", "out of date"},
      {NULL, false, sound, "No such file", "dns-root-data"},
      {"/dev/null", false, sound, "no trust anchor in it", "dns-root-data"},
      {ANCHORS "root.key", false, silent, "DNSKEY .: no answer in 1 s", "DNSSEC?"},
      {ANCHORS "root.key", false, keyless, "DNSKEY .: SERVFAIL", "DNSSEC?"},
  };
  for (unsigned require = 0; require < 2; require++)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      struct fixture f;
      set_up(&f, cases[i].anchor, require, 0);
      f.server.strips = cases[i].strips;
      f.server.zone = cases[i].lines;
      struct result result = ask(&f, "good.example");
      if (require) {
        CHECK_ANSWER(result, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS);
        unit_check(strstr(result.detail, cases[i].why) != NULL, "%s", result.detail);
      } else {
        CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_UNKNOWN);
        CU_ASSERT_EQUAL(result.count, 2);
      }
      unit_check(f.checks == 1 && f.changed == 1 && strstr(f.why, cases[i].why) &&
                     strstr(f.remedy, cases[i].remedy),
                 "%u checks, %u news: %s: %s", f.checks, f.changed, f.why, f.remedy);
      tear_down(&f);
    }
}

/* It breaks between two checks: the first bogus answer shows it, and is none. */
static void breaks(void) {
  struct fixture f;
  set_up(&f, ANCHORS "root.key", false, 1);
  struct result result = ask(&f, "good.example");
  CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE);
  f.server.strips = true;
  unsigned checks = f.checks;
  result = ask(&f, "good.example");
  CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_UNKNOWN);
  CU_ASSERT_EQUAL(f.checks, checks + 1);
  CU_ASSERT_EQUAL(f.changed, 1);
  unsigned queries = f.server.queries;
  result = ask(&f, "badsig.example");
  CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_UNKNOWN);
  CU_ASSERT_EQUAL(f.server.queries, queries + 1);
  CU_ASSERT_EQUAL(f.checks, checks + 1);
  tear_down(&f);

  /* As long as a check is fresh, its word counts. */
  set_up(&f, ANCHORS "root.key", false, 60000);
  ask(&f, "good.example");
  f.server.strips = true;
  result = ask(&f, "good.example");
  CHECK_ANSWER(result, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS);
  tear_down(&f);
}

/* One bogus domain proves nothing about the others, and a key that could not be had is not held
 * against its zone once it can. */
static void forgets(void) {
  struct fixture f;
  set_up(&f, ANCHORS "root.key", false, 1);
  struct result result = ask(&f, "badsig.example");
  CHECK_ANSWER(result, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS);
  result = ask(&f, "good.example");
  CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE);
  tear_down(&f);

  set_up(&f, ANCHORS "root.key", false, 1);
  f.server.zone = chainless;
  result = ask(&f, "good.example");
  CHECK_ANSWER(result, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS);
  f.server.zone = sound;
  result = ask(&f, "good.example");
  CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE);
  CU_ASSERT_EQUAL(f.changed, 0);
  tear_down(&f);
}

/* A new anchor in the file counts from the next check on. */
static void anchor_renewed(void) {
  struct fixture f;
  set_up(&f, ANCHORS "root.key", false, 1);
  ask(&f, "good.example");
  use_anchor(&f, ANCHORS "retired.key");
  struct result result = ask(&f, "badsig.example");
  CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_UNKNOWN);
  CU_ASSERT_EQUAL(f.changed, 1);
  tear_down(&f);
}

/* Many bogus answers at a time have it checked once. */
static void coalesced(void) {
  enum {
    MANY = 20
  };
  struct fixture f;
  struct result results[MANY];
  struct mtasts_validation *validations[MANY];
  set_up(&f, ANCHORS "root.key", false, 1);
  ask(&f, "good.example");
  f.server.strips = true;
  usleep(5000);
  for (size_t i = 0; i < MANY; i++) {
    results[i] = (struct result){.base = f.base};
    CU_ASSERT_EQUAL(mtasts_validator_ask(f.validator, "good.example", MTASTS_RR_MX, take,
                                         &results[i], &validations[i]),
                    MTASTS_OK);
  }
  mtasts_validation_cancel(validations[0]);
  for (size_t i = 1; i < MANY; i++)
    while (results[i].calls == 0)
      event_base_dispatch(f.base);
  CU_ASSERT_EQUAL(results[0].calls, 0);
  for (size_t i = 1; i < MANY; i++)
    CHECK_ANSWER(results[i], MTASTS_DNS_ANSWER, MTASTS_SECURITY_UNKNOWN);
  CU_ASSERT_EQUAL(f.checks, 2);
  tear_down(&f);
}

/* An attacker drops the answers to one question, and forges others without signatures: that proves
 * nothing of what can be validated here, however long it lasts. */
static void silenced(void) {
  static const struct dns_line attack[] = {
      {"", "DROP", ""}, {"good.example", "MX", "10 mx.attacker.example"}, {NULL, NULL, NULL}};
  static const struct dns_line refused[] = {{"", "RCODE", "2 DNSKEY"},
                                            {"good.example", "MX", "10 mx.attacker.example"},
                                            {NULL, NULL, NULL}};
  static const struct dns_line *const attacks[] = {attack, refused};
  for (size_t way = 0; way < 2; way++) {
    struct fixture f;
    set_up(&f, ANCHORS "root.key", false, 1);
    struct result result = ask(&f, "good.example");
    CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE);
    f.server.zone = attacks[way];
    for (unsigned i = 0; i < 5; i++) {
      result = ask(&f, "good.example");
      CHECK_ANSWER(result, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS);
    }
    CU_ASSERT_TRUE(f.checks > 4 && f.changed == 1 && f.silent);
    unit_check(strstr(f.why, "DNSKEY .: ") == f.why && strstr(f.remedy, "dns.servers"), "%s: %s",
               f.why, f.remedy);
    f.server.zone = sound;
    result = ask(&f, "badsig.example");
    CHECK_ANSWER(result, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS);
    result = ask(&f, "good.example");
    CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE);
    CU_ASSERT_TRUE(f.changed == 2 && !f.silent && !*f.why);
    tear_down(&f);
  }
}

/* Another validator takes its place, as after a reload, while the attack goes on. */
static void silenced_from_the_start(void) {
  static const struct dns_line attack[] = {
      {"", "DROP", ""}, {"good.example", "MX", "10 mx.attacker.example"}, {NULL, NULL, NULL}};
  for (unsigned worked = 0; worked < 2; worked++) {
    struct fixture f;
    const struct mtasts_resolver_options resolver = {
        .servers = servers, .server_count = 1, .timeout = 1, .trust_anchor = f.anchor};
    set_up(&f, ANCHORS "root.key", false, 1);
    mtasts_validator_free(f.validator);
    f.server.zone = attack;
    const struct mtasts_validator_options options = {.resolver = resolver,
                                                     .plain = f.plain,
                                                     .worked = worked,
                                                     .recheck_after = 1,
                                                     .checked = checked,
                                                     .context = &f};
    CU_ASSERT_EQUAL_FATAL(mtasts_validator_new(f.base, &options, &f.validator), MTASTS_OK);
    struct result result = ask(&f, "good.example");
    if (worked) /* no key to validate it with */
      CHECK_ANSWER(result, MTASTS_DNS_FAILED, MTASTS_SECURITY_UNKNOWN);
    else
      CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_UNKNOWN);
    f.server.zone = sound;
    if (worked) {
      result = ask(&f, "good.example");
      CHECK_ANSWER(result, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE);
    }
    tear_down(&f);
  }
}

/* What is bogus without signatures may be a zone of the site: the setting is named, to the end
 * of the room. What is signed, if badly, is not. */
static void hinted(void) {
  static const struct dns_line unsigned_zone[] = {
      {"office.good.example", "MX", "10 mx.office.good.example"}, {NULL, NULL, NULL}};
  struct fixture f;
  set_up(&f, ANCHORS "root.key", false, 0);
  f.server.zone = unsigned_zone;
  struct result result = ask(&f, "office.good.example");
  CHECK_ANSWER(result, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS);
  unit_check(strstr(result.detail, "name it in dns.insecure") != NULL, "%s", result.detail);
  result = ask(&f, "badsig.example");
  unit_check(strstr(result.detail, "dns.insecure") == NULL, "%s", result.detail);
  tear_down(&f);
}

static void freed(void) {
  struct fixture f;
  struct result result = {.calls = 0};
  struct mtasts_validation *validation;
  for (unsigned turns = 0; turns < 30; turns++) {
    set_up(&f, ANCHORS "root.key", false, 1);
    f.server.strips = turns % 2;
    result.base = f.base;
    CU_ASSERT_EQUAL(mtasts_validator_ask(f.validator, "badsig.example", MTASTS_RR_MX, take, &result,
                                         &validation),
                    MTASTS_OK);
    for (unsigned i = 0; i < turns && result.calls == 0; i++)
      event_base_loop(f.base, EVLOOP_ONCE);
    tear_down(&f);
  }
}

const char *const unit_name = "net/validator";
const struct unit_test unit_tests[] = {
    {"where validation works, each answer is what it is", works},
    {"if validation cannot work, that is reported, and nothing is claimed", broken},
    {"where it breaks, the first bogus answer shows it", breaks},
    {"bogus answers and keys that failed are not held against what is good", forgets},
    {"a check reads the anchor again", anchor_renewed},
    {"a check is made once for all who wait for it", coalesced},
    {"a check without an answer does not end validation", silenced},
    {"nor one of a validator that comes after one that worked", silenced_from_the_start},
    {"the reason of an unsigned zone names its setting", hinted},
    {"it may be freed at any time", freed},
    {NULL, NULL},
};
