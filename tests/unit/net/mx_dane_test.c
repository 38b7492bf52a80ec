#include "mx_dane.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "clock.h"
#include "mx_list.h"
#include "namespace.h"
#include "scripted_dns.h"
#include "unit.h"
#include "validator.h"

#define GOOD ".good.example"

static const char *const servers[] = {"127.0.0.1@5300"};

static const struct dns_line lines[] = {
    {"_25._tcp.tlsa-fails" GOOD, "RCODE", "2"},
    {"fails" GOOD, "RCODE", "2"},
    {"a-fails" GOOD, "RCODE", "2 A"},
    {"aaaa-fails" GOOD, "RCODE", "2 AAAA"},
    {"*.silent" GOOD, "DROP", ""},
    {NULL, NULL, NULL},
};

struct fixture {
  struct event_base *base;
  struct mtasts_resolver *plain;
  struct mtasts_validator *validator;
  struct dns_server server;
  struct tree *tree;

  struct mtasts_mx_dane *dane;
  unsigned calls;
  struct mtasts_dane_answer answer;
  char trace[16384]; /* "SECTION TEXT\n" for each step */
};

static void set_up(struct fixture *f) {
  const struct mtasts_resolver_options options = {
      .servers = servers, .server_count = 1, .timeout = 1};
  char error[MTASTS_ERROR_TEXT] = "";
  memset(f, 0, sizeof *f);
  f->tree = tree_load("tests/data/dnssec/tree.txt");
  bool ok = f->tree && namespace_enter() && dns_start(&f->server, 5300, lines) &&
            (f->base = event_base_new()) != NULL &&
            mtasts_resolver_new(f->base, &options, error, &f->plain) == MTASTS_OK;
  unit_check(ok, "fixture: %s", error);
  CU_ASSERT_TRUE_FATAL(ok);
  f->server.tree = f->tree;
  struct mtasts_validator_options validating = {.resolver = options, .plain = f->plain};
  validating.resolver.trust_anchor = "tests/data/dnssec/root.key";
  CU_ASSERT_EQUAL_FATAL(mtasts_validator_new(f->base, &validating, &f->validator), MTASTS_OK);
}

static void tear_down(struct fixture *f) {
  mtasts_mx_dane_free(f->dane);
  mtasts_validator_free(f->validator);
  mtasts_resolver_free(f->plain);
  event_base_free(f->base);
  dns_stop(&f->server);
  free(f->tree);
}

static void done(void *context, const struct mtasts_dane_answer *answer) {
  struct fixture *f = context;
  f->calls++;
  f->answer = *answer;
  event_base_loopbreak(f->base);
}

static void take_trace(void *context, uint64_t microseconds, const char *section,
                       const char *text) {
  struct fixture *f = context;
  size_t length = strlen(f->trace);
  unit_check(microseconds < 10000000, "%s: %lu microseconds", text, (unsigned long)microseconds);
  snprintf(f->trace + length, sizeof f->trace - length, "%s %s\n", section, text);
}

/* Starts with the hosts of a text, separated by spaces, preferences 1, 2, … */
static void start(struct fixture *f, const char *hosts) {
  static char names[MTASTS_MX_HOSTS_MAX * 64];
  static unsigned char store[MTASTS_MX_LIST_MAX];
  struct mtasts_mx_host list[MTASTS_MX_HOSTS_MAX];
  struct mtasts_mx_list packed;
  size_t count = 0;
  char *rest = NULL;
  snprintf(names, sizeof names, "%s", hosts);
  for (char *name = strtok_r(names, " ", &rest); name; name = strtok_r(NULL, " ", &rest), count++)
    list[count] =
        (struct mtasts_mx_host){.preference = (uint16_t)(count + 1), .host = {name, strlen(name)}};
  mtasts_mx_list_pack(list, count, store, &packed);
  mtasts_mx_dane_free(f->dane);
  f->dane = NULL;
  f->calls = 0;
  f->trace[0] = '\0';
  CU_ASSERT_EQUAL_FATAL(
      mtasts_mx_dane_start(&(struct mtasts_mx_dane_options){.validator = f->validator,
                                                            .base = f->base,
                                                            .hosts = &packed,
                                                            .done = done,
                                                            .trace = take_trace,
                                                            .context = f},
                           &f->dane),
      MTASTS_OK);
  memset(store, 0, sizeof store); /* it was copied */
  CU_ASSERT_EQUAL(f->calls, 0);
}

static void look(struct fixture *f, const char *hosts) {
  start(f, hosts);
  while (f->calls == 0)
    event_base_dispatch(f->base);
  CU_ASSERT_EQUAL(f->calls, 1);
}

static const char *word_of(enum mtasts_dane dane) {
  return dane == MTASTS_DANE_LOST ? "lost" : mtasts_dane_name(dane);
}

/* The states in the order of the hosts, as "usable none". */
static const char *states(const struct fixture *f) {
  static char text[4096];
  struct mtasts_mx_host host;
  size_t length = 0;
  text[0] = '\0';
  for (size_t cursor = 0; mtasts_mx_next(&f->answer.mx, &cursor, &host);)
    length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", length > 0 ? " " : "",
                               word_of(host.dane));
  return text;
}

static void hosts(void) {
  static const struct {
    const char *hosts;
    const char *states;
    uint32_t ttl;
    const char *detail; /* begins with */
    const char *trace;  /* a line; NULL: any */
  } cases[] = {
      {"mx" GOOD, "usable", 1200, "",
       "RFC 7672 3.1 TLSA _25._tcp.mx.good.example: 3 1 1, 32 bytes, usable"},
      {"mx" GOOD, "usable", 1200, "", "RFC 7672 2.2.2 A mx.good.example: secure, 1 record"},
      {"mx" GOOD, "usable", 1200, "",
       "RFC 7672 2.2.3 TLSA _25._tcp.mx.good.example: secure, 1 record"},
      {"mx2" GOOD, "usable", 3600, "", NULL},
      {"v6" GOOD, "usable", 300, "", "RFC 7672 2.2.2 A v6.good.example: secure, no such record"},
      {"plain" GOOD, "none", 300, "",
       "RFC 7672 2.2.3 TLSA _25._tcp.plain.good.example: secure, no such name: no DANE"},
      {"pkix" GOOD, "unusable", 3600, "",
       "RFC 7672 3.1 TLSA _25._tcp.pkix.good.example: 0 0 1, 32 bytes, not usable: SMTP knows "
       "usages 2 and 3 and data of the right length"},
      {"mixed" GOOD, "usable", 3600, "", NULL},
      {"nothing" GOOD, "none", 300, "",
       "RFC 7672 2.2.2 AAAA nothing.good.example: secure, no such record: no address, no DANE"},
      {"nowhere" GOOD, "none", 300, "",
       "RFC 7672 2.2.2 A nowhere.good.example: secure, no such name: no DANE"},
      {"mx.unsigned.example", "none", 3600, "",
       "RFC 7672 2.2.2 A mx.unsigned.example: insecure, 1 record: no DANE"},
      {"nowhere.unsigned.example", "none", 300, "", NULL},
      /* The alias's target has records. */
      {"alias" GOOD, "usable", 1200, "",
       "RFC 7672 2.2.3 TLSA _25._tcp.mx.good.example: secure, 1 record"},
      /* It has none, but the alias itself does. */
      {"alias-plain" GOOD, "usable", 300, "",
       "RFC 7672 2.2.3 TLSA _25._tcp.plain.good.example: secure, no such name: the name before its "
       "CNAMEs is tried"},
      /* Its target is in an unsigned zone. */
      {"alias-out" GOOD, "usable", 3600, "",
       "RFC 7672 2.2.2 CNAME alias-out.good.example: secure, 1 record: it may have TLSA records "
       "itself"},
      {"tlsa-alias" GOOD, "usable", 1200, "", NULL},
      {"tlsa-alias-out" GOOD, "none", 3600, "",
       "RFC 7672 2.2.3 TLSA _25._tcp.tlsa-alias-out.good.example: insecure, 1 record: no DANE"},
      {"tlsa-fails" GOOD, "error", 300,
       "TLSA _25._tcp.tlsa-fails.good.example: SERVFAIL from the resolver",
       "RFC 7672 2.2.3 TLSA _25._tcp.tlsa-fails.good.example: SERVFAIL from the resolver: not to "
       "be used"},
      {"tlsa-bogus" GOOD, "bogus", 300, "TLSA _25._tcp.tlsa-bogus.good.example: ", NULL},
      {"bogus" GOOD, "bogus", 300, "A bogus.good.example: ", NULL},
      {"half-bogus" GOOD, "usable", 3600, "", NULL},
      {"a-fails" GOOD, "usable", 3600, "", NULL},
      {"fails" GOOD, "lost", 300, "A fails.good.example: SERVFAIL from the resolver", NULL},
      {"expired.example", "bogus", 300, "A expired.example: ", NULL},
      /* Each in its place, with the worst of what befell. */
      {"fails" GOOD " mx" GOOD " tlsa-fails" GOOD " bogus" GOOD " plain" GOOD,
       "lost usable error bogus none", 300, "A bogus.good.example: ", NULL},
      {"mx" GOOD " mx2" GOOD, "usable usable", 1200, "", NULL},
      {"", "", UINT32_MAX, "", NULL},
  };
  struct fixture f;
  set_up(&f);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    look(&f, cases[i].hosts);
    unit_check(strcmp(states(&f), cases[i].states) == 0, "%s: %s\n%s", cases[i].hosts, states(&f),
               f.trace);
    unit_check(f.answer.ttl == cases[i].ttl, "%s: TTL %u", cases[i].hosts, (unsigned)f.answer.ttl);
    unit_check(f.answer.detail.len >= strlen(cases[i].detail) &&
                   strncmp(f.answer.detail.data, cases[i].detail, strlen(cases[i].detail)) == 0 &&
                   (*cases[i].detail || f.answer.detail.len == 0),
               "%s: detail %.*s", cases[i].hosts, (int)f.answer.detail.len, f.answer.detail.data);
    char line[512];
    snprintf(line, sizeof line, "%s\n", cases[i].trace ? cases[i].trace : "");
    unit_check(!cases[i].trace || strstr(f.trace, line), "%s: no \"%s\" in:\n%s", cases[i].hosts,
               cases[i].trace, f.trace);
  }
  tear_down(&f);
}

/* What is asked, and what is not. */
static void queries(void) {
  static const struct {
    const char *hosts;
    unsigned a, aaaa, tlsa, cname;
  } cases[] = {
      {"mx" GOOD, 1, 0, 1, 0},
      {"v6" GOOD, 1, 1, 1, 0},
      {"nowhere" GOOD, 1, 0, 0, 0},
      {"mx.unsigned.example", 1, 0, 0, 0},
      /* libunbound asks for the target of a CNAME itself. */
      {"alias-out" GOOD, 2, 0, 1, 1},
      {"alias-plain" GOOD, 2, 0, 2, 0},
  };
  struct fixture f;
  set_up(&f);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    unsigned before[64];
    for (size_t type = 0; type < 64; type++)
      before[type] = f.server.asked[type];
    look(&f, cases[i].hosts);
    unsigned a = f.server.asked[1] - before[1];
    unsigned aaaa = f.server.asked[28] - before[28];
    unsigned tlsa = f.server.asked[52] - before[52];
    unsigned cname = f.server.asked[5] - before[5];
    unit_check(a == cases[i].a && aaaa == cases[i].aaaa && tlsa == cases[i].tlsa &&
                   cname == cases[i].cname,
               "%s: %u A, %u AAAA, %u TLSA, %u CNAME", cases[i].hosts, a, aaaa, tlsa, cname);
  }
  tear_down(&f);
}

/* Those that are preferred are looked at, and the others not used. */
static void many(void) {
  char text[MTASTS_MX_HOSTS_MAX * 32] = "";
  size_t length = 0;
  struct fixture f;
  set_up(&f);
  for (int i = 0; i < MTASTS_MX_HOSTS_MAX; i++)
    length += (size_t)snprintf(text + length, sizeof text - length, "n%d%s ", i, GOOD);
  look(&f, text);
  CU_ASSERT_EQUAL(f.answer.mx.count, MTASTS_MX_HOSTS_MAX);
  CU_ASSERT_EQUAL(f.server.asked[1], MTASTS_DANE_HOSTS_MAX);
  struct mtasts_mx_host host;
  size_t lost = 0;
  for (size_t cursor = 0; mtasts_mx_next(&f.answer.mx, &cursor, &host);)
    lost += host.dane == MTASTS_DANE_LOST;
  CU_ASSERT_EQUAL(lost, MTASTS_MX_HOSTS_MAX - MTASTS_DANE_HOSTS_MAX);
  tear_down(&f);
}

/* What is not through when the time is over has failed. */
static void expired(void) {
  struct fixture f;
  set_up(&f);
  for (unsigned turns = 0; turns < 20; turns++) {
    start(&f, "mx" GOOD " a.silent" GOOD " alias-plain" GOOD);
    for (unsigned i = 0; i < turns && f.calls == 0; i++)
      event_base_loop(f.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (f.calls == 0)
      mtasts_mx_dane_expire(f.dane);
    CU_ASSERT_EQUAL(f.calls, 0);
    event_base_dispatch(f.base);
    CU_ASSERT_EQUAL(f.calls, 1);
    unit_check(strstr(states(&f), "error") != NULL, "after %u turns: %s", turns, states(&f));
    unit_check(memmem(f.answer.detail.data, f.answer.detail.len, "given up", 8) != NULL,
               "after %u turns: %.*s", turns, (int)f.answer.detail.len, f.answer.detail.data);
  }
  tear_down(&f);
}

/* Ten hosts that never answer take the time of one. */
static void side_by_side(void) {
  struct fixture f;
  set_up(&f);
  uint64_t began = mtasts_clock_us();
  look(&f, "a.silent" GOOD " b.silent" GOOD " c.silent" GOOD " d.silent" GOOD " e.silent" GOOD
           " f.silent" GOOD " g.silent" GOOD " h.silent" GOOD " i.silent" GOOD " mx" GOOD);
  uint64_t took = mtasts_clock_us() - began;
  CU_ASSERT_STRING_EQUAL(states(&f), "lost lost lost lost lost lost lost lost lost usable");
  unit_check(took < 4000000, "%lu microseconds", (unsigned long)took);
  tear_down(&f);
}

static void freed(void) {
  struct fixture f;
  set_up(&f);
  for (unsigned turns = 0; turns < 40; turns++) {
    start(&f, "mx" GOOD " alias-plain" GOOD " fails" GOOD " alias-out" GOOD);
    for (unsigned i = 0; i < turns && f.calls == 0; i++)
      event_base_loop(f.base, EVLOOP_ONCE);
    mtasts_mx_dane_free(f.dane);
    f.dane = NULL;
    unsigned calls = f.calls;
    event_base_loop(f.base, EVLOOP_NONBLOCK);
    CU_ASSERT_EQUAL(f.calls, calls);
  }
  start(&f, "mx" GOOD);
  event_base_loop(f.base, EVLOOP_ONCE);
  tear_down(&f); /* in flight */
}

const char *const unit_name = "net/mx_dane";
const struct unit_test unit_tests[] = {
    {"each host comes to its state, with the least TTL and the worst failure", hosts},
    {"nothing is asked in vain", queries},
    {"of many hosts those that are preferred are looked at", many},
    {"what is not through in time has failed", expired},
    {"hosts are looked at side by side", side_by_side},
    {"it may be freed at any time", freed},
    {NULL, NULL},
};
