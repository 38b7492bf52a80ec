/* The resolver with a trust anchor, before the signed zones of tests/data/dnssec. */
#include "resolver.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "namespace.h"
#include "scripted_dns.h"
#include "unit.h"

#define ANCHORS "tests/data/dnssec/"

static const char *const servers[] = {"127.0.0.1@5300", "127.0.0.1@5301"};

/* A resolver that forwards without validation. */
static const struct dns_line plain[] = {
    {"no-ds.example", "RCODE", "0 DS"},
    {"fails.good.example", "RCODE", "2"},
    {NULL, NULL, NULL},
};

/* One that validates, and forwards bogus answers to a client that sets CD. */
static const struct dns_line validating[] = {
    {"badsig.example", "CHECKED", ""},
    {"expired.example", "CHECKED", ""},
    {"unsigned-by-mistake.example", "CHECKED", ""},
    {"no-ds.example", "CHECKED", ""},
    {"no-ds.example", "RCODE", "0 DS"},
    {"bogus.good.example", "CHECKED", ""},
    {"half-bogus.good.example", "CHECKED", ""},
    {"_25._tcp.tlsa-bogus.good.example", "CHECKED", ""},
    {"fails.good.example", "RCODE", "2"},
    {NULL, NULL, NULL},
};

struct fixture {
  struct event_base *base;
  struct mtasts_resolver *resolver;
  struct dns_server server;
  struct tree *tree;
  char error[MTASTS_ERROR_TEXT];
};

struct result {
  struct event_base *base;
  enum mtasts_dns_status outcome;
  enum mtasts_security security;
  size_t count;
  uint32_t ttl;
  char detail[MTASTS_DETAIL_MAX + 1];
};

static void set_up(struct fixture *f, const struct dns_line *lines, size_t count,
                   const char *anchor) {
  const struct mtasts_resolver_options options = {
      .servers = servers, .server_count = count, .timeout = 2, .trust_anchor = anchor};
  memset(f, 0, sizeof *f);
  f->tree = tree_load("tests/data/dnssec/tree.txt");
  bool ok = f->tree && namespace_enter() && dns_start(&f->server, 5300, lines) &&
            (f->base = event_base_new()) != NULL &&
            mtasts_resolver_new(f->base, &options, f->error, &f->resolver) == MTASTS_OK;
  unit_check(ok, "fixture: %s", f->error);
  CU_ASSERT_TRUE_FATAL(ok);
  f->server.tree = f->tree;
}

static void tear_down(struct fixture *f) {
  mtasts_resolver_free(f->resolver);
  event_base_free(f->base);
  dns_stop(&f->server);
  free(f->tree);
}

static void take(void *context, const struct mtasts_dns_answer *answer) {
  struct result *result = context;
  result->outcome = answer->outcome;
  result->security = answer->security;
  snprintf(result->detail, sizeof result->detail, "%s", answer->detail);
  if (answer->outcome != MTASTS_DNS_FAILED) {
    result->count = answer->message.count;
    result->ttl = answer->message.ttl;
  }
  event_base_loopbreak(result->base);
}

static struct result ask(struct fixture *f, const char *name, uint16_t type) {
  struct result result = {.base = f->base, .detail = "no answer"};
  struct mtasts_dns_query *query;
  CU_ASSERT_EQUAL_FATAL(mtasts_resolver_ask(f->resolver, name, type, take, &result, &query),
                        MTASTS_OK);
  event_base_dispatch(f->base);
  return result;
}

static const char *word_of(enum mtasts_security security) {
  static const char *const words[] = {"unknown", "insecure", "secure", "bogus"};
  return words[security];
}

static const struct expectation {
  const char *name;
  uint16_t type;
  enum mtasts_dns_status outcome;
  enum mtasts_security security;
  size_t count;
  const char *detail; /* begins with that; ": " at its end is followed by libunbound's own words */
} expectations[] = {
    {"", MTASTS_RR_DNSKEY, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE, 1, ""},
    {"good.example", MTASTS_RR_MX, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE, 2, ""},
    {"Good.Example", MTASTS_RR_MX, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE, 2, ""},
    {"mx.good.example", MTASTS_RR_A, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE, 1, ""},
    {"mx.good.example", MTASTS_RR_AAAA, MTASTS_DNS_NODATA, MTASTS_SECURITY_SECURE, 0, ""},
    {"nowhere.good.example", MTASTS_RR_A, MTASTS_DNS_NXDOMAIN, MTASTS_SECURITY_SECURE, 0, ""},
    {"nowhere", MTASTS_RR_MX, MTASTS_DNS_NXDOMAIN, MTASTS_SECURITY_SECURE, 0, ""},
    {"_25._tcp.mx.good.example", MTASTS_RR_TLSA, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE, 1, ""},
    {"_25._tcp.pkix.good.example", MTASTS_RR_TLSA, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE, 2,
     ""},
    {"alias.good.example", MTASTS_RR_A, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE, 1, ""},
    {"alias-out.good.example", MTASTS_RR_A, MTASTS_DNS_ANSWER, MTASTS_SECURITY_INSECURE, 1, ""},
    {"alias-out.good.example", MTASTS_RR_CNAME, MTASTS_DNS_ANSWER, MTASTS_SECURITY_SECURE, 1, ""},
    {"unsigned.example", MTASTS_RR_MX, MTASTS_DNS_ANSWER, MTASTS_SECURITY_INSECURE, 1, ""},
    {"nowhere.unsigned.example", MTASTS_RR_A, MTASTS_DNS_NXDOMAIN, MTASTS_SECURITY_INSECURE, 0, ""},
    {"_25._tcp.mx.unsigned.example", MTASTS_RR_TLSA, MTASTS_DNS_ANSWER, MTASTS_SECURITY_INSECURE, 1,
     ""},
    {"implicit.example", MTASTS_RR_MX, MTASTS_DNS_NODATA, MTASTS_SECURITY_SECURE, 0, ""},
    {"badsig.example", MTASTS_RR_MX, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS, 1,
     "MX badsig.example: "},
    {"expired.example", MTASTS_RR_MX, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS, 1,
     "MX expired.example: "},
    {"unsigned-by-mistake.example", MTASTS_RR_MX, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS, 1,
     "MX unsigned-by-mistake.example: "},
    {"no-ds.example", MTASTS_RR_MX, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS, 1,
     "MX no-ds.example: "},
    {"bogus.good.example", MTASTS_RR_A, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS, 1,
     "A bogus.good.example: "},
    {"_25._tcp.tlsa-bogus.good.example", MTASTS_RR_TLSA, MTASTS_DNS_BOGUS, MTASTS_SECURITY_BOGUS, 1,
     "TLSA _25._tcp.tlsa-bogus.good.example: "},
    {"fails.good.example", MTASTS_RR_A, MTASTS_DNS_FAILED, MTASTS_SECURITY_UNKNOWN, 0,
     "A fails.good.example: SERVFAIL from the resolver"},
};

static void check_all(const struct dns_line *lines) {
  struct fixture f;
  set_up(&f, lines, 1, ANCHORS "root.key");
  for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
    const struct expectation *e = &expectations[i];
    struct result result = ask(&f, e->name, e->type);
    unit_check(result.outcome == e->outcome && result.security == e->security &&
                   result.count == e->count,
               "%s %s: outcome %d, %s, %zu records: %s", e->name, mtasts_rr_type_name(e->type),
               result.outcome, word_of(result.security), result.count, result.detail);
    size_t length = strlen(e->detail);
    bool reason = length && e->detail[length - 1] == ' ';
    unit_check(strncmp(result.detail, e->detail, length) == 0 &&
                   (result.detail[length] != 0) == reason,
               "%s %s: %s", e->name, mtasts_rr_type_name(e->type), result.detail);
  }
  tear_down(&f);
}

static void behind_plain(void) {
  check_all(plain);
}

static void behind_validating(void) {
  check_all(validating);
}

/* How many queries it takes, of all types. */
static unsigned cost(struct fixture *f, const char *name, uint16_t type) {
  unsigned before = f->server.queries;
  ask(f, name, type);
  return f->server.queries - before;
}

/* The keys of zones are remembered, and that a zone has none; nothing else is. */
static void queries(void) {
  struct fixture f;
  set_up(&f, plain, 1, ANCHORS "root.key");
  /* The MX; DNSKEY of the root, DS and DNSKEY of example and of good.example. */
  CU_ASSERT_EQUAL(cost(&f, "good.example", MTASTS_RR_MX), 6);
  CU_ASSERT_EQUAL(cost(&f, "good.example", MTASTS_RR_MX), 1);
  CU_ASSERT_EQUAL(cost(&f, "_25._tcp.mx.good.example", MTASTS_RR_TLSA), 1);
  CU_ASSERT_EQUAL(cost(&f, "plain.good.example", MTASTS_RR_AAAA), 1);
  CU_ASSERT_EQUAL(cost(&f, "implicit.example", MTASTS_RR_MX), 3);
  /* The MX; that there is no DS. */
  CU_ASSERT_EQUAL(cost(&f, "unsigned.example", MTASTS_RR_MX), 2);
  CU_ASSERT_EQUAL(cost(&f, "unsigned.example", MTASTS_RR_MX), 1);
  CU_ASSERT_EQUAL(cost(&f, "mx.unsigned.example", MTASTS_RR_A), 1);
  CU_ASSERT_EQUAL(cost(&f, "a.b.c.unsigned.example", MTASTS_RR_A), 1);
  tear_down(&f);
  set_up(&f, plain, 1, NULL);
  CU_ASSERT_EQUAL(cost(&f, "good.example", MTASTS_RR_MX), 1);
  tear_down(&f);
}

static void anchors(void) {
  static const struct {
    const char *anchor;
    bool strips;
    enum mtasts_security security;
  } cases[] = {
      {ANCHORS "root.key", false, MTASTS_SECURITY_SECURE},
      {ANCHORS "rfc5011.key", false, MTASTS_SECURITY_SECURE},
      {ANCHORS "retired.key", false, MTASTS_SECURITY_BOGUS},
      {ANCHORS "pending.key", false, MTASTS_SECURITY_BOGUS},
      {ANCHORS "root.key", true, MTASTS_SECURITY_BOGUS},
      {NULL, false, MTASTS_SECURITY_UNKNOWN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture f;
    set_up(&f, plain, 1, cases[i].anchor);
    f.server.strips = cases[i].strips;
    struct result result = ask(&f, "good.example", MTASTS_RR_MX);
    unit_check(result.security == cases[i].security && result.count == 2, "%s, %d: %s, %s",
               cases[i].anchor, cases[i].strips, word_of(result.security), result.detail);
    tear_down(&f);
  }
}

static void bad_anchors(void) {
  static const struct {
    const char *text; /* NULL: no file */
    enum mtasts_status status;
    const char *error;
  } cases[] = {
      {NULL, MTASTS_NO_FILE, "No such file"},
      {"", MTASTS_INVALID, "no trust anchor in it"},
      {"; nothing\n\n$TTL 3600\n", MTASTS_INVALID, "no trust anchor in it"},
      {". IN DNSKEY 257 3 13 AAAA ;;state=1 [ ADDPEND ]\n", MTASTS_INVALID,
       "no trust anchor in it"},
      {". IN DNSKEY 257 3 13 AAAA ;;state=4 [ REVOKED ]\n", MTASTS_INVALID,
       "no trust anchor in it"},
      {"this is no zone file\n", MTASTS_IO, "zone format"},
  };
  static const char *const one[] = {"127.0.0.1"};
  struct event_base *base = event_base_new();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char path[] = "/tmp/mtasts-anchor-XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    if (!cases[i].text)
      unlink(path);
    else if (write(fd, cases[i].text, strlen(cases[i].text)) < 0)
      CU_FAIL("write");
    close(fd);
    struct mtasts_resolver *resolver = NULL;
    char error[MTASTS_ERROR_TEXT] = "";
    enum mtasts_status status = mtasts_resolver_new(
        base,
        &(struct mtasts_resolver_options){
            .servers = one, .server_count = 1, .timeout = 1, .trust_anchor = path},
        error, &resolver);
    unit_check(status == cases[i].status && strstr(error, cases[i].error), "%s: %s: %s",
               cases[i].text, mtasts_status_name(status), error);
    mtasts_resolver_free(resolver);
    unlink(path);
  }
  event_base_free(base);
}

/* One server strips, the other does not: what can be validated is. */
static void better_server(void) {
  struct fixture f;
  struct dns_server second;
  set_up(&f, plain, 2, ANCHORS "root.key");
  CU_ASSERT_TRUE_FATAL(dns_start(&second, 5301, plain));
  second.tree = f.tree;
  f.server.strips = true;
  CU_ASSERT_EQUAL(ask(&f, "good.example", MTASTS_RR_MX).security, MTASTS_SECURITY_SECURE);
  CU_ASSERT_EQUAL(ask(&f, "badsig.example", MTASTS_RR_MX).security, MTASTS_SECURITY_BOGUS);
  dns_stop(&second); /* it reads the tree of the fixture */
  tear_down(&f);
}

const char *const unit_name = "net/validation";
const struct unit_test unit_tests[] = {
    {"each zone is judged as it is, behind a resolver that does not validate", behind_plain},
    {"and behind one that does", behind_validating},
    {"keys are remembered: a look-up costs no query more than it must", queries},
    {"only keys that are trusted validate, and what has signatures", anchors},
    {"a file without a trust anchor is refused", bad_anchors},
    {"where one server strips DNSSEC, the next one is asked", better_server},
    {NULL, NULL},
};
