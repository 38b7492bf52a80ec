#include "resolver.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <time.h>

#include "namespace.h"
#include "scripted_dns.h"
#include "unit.h"

#define SERVER        "127.0.0.1@5300"
#define SECOND_SERVER "127.0.0.1@5301"
#define DEAD_SERVER   "127.0.0.1@5399"

#define TEXT_50   "01234567890123456789012345678901234567890123456789"
#define TEXT_500  TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50
#define TEXT_4000 TEXT_500 TEXT_500 TEXT_500 TEXT_500 TEXT_500 TEXT_500 TEXT_500 TEXT_500

static const struct dns_line zone[] = {
    {"txt.example", "TXT", "v=STSv1; id=1;"},
    {"txt.example", "TXT", "another"},
    {"mx.example", "MX", "10 mx1.example"},
    {"mx.example", "AAAA", "2001:db8::1"},
    {"alias.example", "CNAME", "txt.example"},
    {"alias-nowhere.example", "CNAME", "nowhere.example"},
    {"large.example", "TXT", TEXT_4000},
    {"large.example", "TXT", TEXT_4000},
    {"large.example", "TXT", TEXT_4000},
    {"large.example", "TRUNCATE", ""},
    {"servfail.example", "RCODE", "2"},
    {"refused.example", "RCODE", "5"},
    {"formerr.example", "RCODE", "1"},
    {"notimp.example", "RCODE", "4"},
    {"noedns.example", "NOEDNS", ""},
    {"noedns.example", "A", "192.0.2.1"},
    {"garbage.example", "GARBAGE", ""},
    {"lossy.example", "LOSSY", ""},
    {"lossy.example", "A", "192.0.2.1"},
    {"*.drop.example", "DROP", ""},
    {"slowfail.example", "SLOW", "1000"},
    {"slowfail.example", "RCODE", "2"},
    {"host.test", "A", "192.0.2.1"},
    {NULL, NULL, NULL},
};

static const struct dns_line broken_zone[] = {{"*.example", "RCODE", "2"}, {NULL, NULL, NULL}};

/* A loop, a resolver, and what the last look-up came to. */
struct fixture {
  struct event_base *base;
  struct mtasts_resolver *resolver;
  struct dns_server server;
  char error[MTASTS_ERROR_TEXT];
};

struct result {
  struct event_base *base;
  double seconds; /* when it came */
  size_t count;
  size_t rdata_size;
  uint32_t ttl;
  enum mtasts_dns_status outcome;
  unsigned calls;
  char detail[MTASTS_DETAIL_MAX + 1];
};

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void take(void *context, const struct mtasts_dns_answer *answer) {
  struct result *result = context;
  struct mtasts_rr rr;
  size_t cursor = 0;
  result->calls++;
  result->outcome = answer->outcome;
  result->seconds = seconds();
  snprintf(result->detail, sizeof result->detail, "%s", answer->detail);
  if (answer->outcome != MTASTS_DNS_FAILED) {
    result->count = answer->message.count;
    result->ttl = answer->message.ttl;
    while (mtasts_dns_message_next(&answer->message, &cursor, &rr))
      result->rdata_size += rr.rdata_size;
  }
  if (result->base)
    event_base_loopbreak(result->base);
}

static bool set_up(struct fixture *f, const char *const *servers, size_t count, uint32_t timeout) {
  struct mtasts_resolver_options options = {
      .servers = servers, .server_count = count, .timeout = timeout};
  memset(f, 0, sizeof *f);
  bool ok = namespace_enter() && dns_start(&f->server, 5300, zone) &&
            (f->base = event_base_new()) != NULL &&
            mtasts_resolver_new(f->base, &options, f->error, &f->resolver) == MTASTS_OK;
  unit_check(ok, "fixture: %s", f->error);
  CU_ASSERT_TRUE_FATAL(ok);
  return ok;
}

static void tear_down(struct fixture *f) {
  mtasts_resolver_free(f->resolver);
  event_base_free(f->base);
  dns_stop(&f->server);
}

static struct result ask(struct fixture *f, const char *name, uint16_t type) {
  struct result result = {.base = f->base};
  struct mtasts_dns_query *query;
  double start = seconds();
  CU_ASSERT_EQUAL_FATAL(mtasts_resolver_ask(f->resolver, name, type, take, &result, &query),
                        MTASTS_OK);
  unit_check(result.calls == 0, "%s: answered from inside the call", name);
  event_base_dispatch(f->base);
  unit_check(result.calls == 1, "%s: %u answers", name, result.calls);
  result.seconds -= start;
  return result;
}

static void run_for(struct fixture *f, long milliseconds) {
  event_base_loopexit(f->base, &(struct timeval){milliseconds / 1000, milliseconds % 1000 * 1000});
  event_base_dispatch(f->base);
}

static const char *const one_server[] = {SERVER};

static void outcomes(void) {
  static const struct {
    const char *name;
    uint16_t type;
    enum mtasts_dns_status outcome;
    size_t count;
    uint32_t ttl;
    const char *detail;
  } cases[] = {
      {"txt.example", MTASTS_RR_TXT, MTASTS_DNS_ANSWER, 2, DNS_TTL, ""},
      {"TXT.Example", MTASTS_RR_TXT, MTASTS_DNS_ANSWER, 2, DNS_TTL, ""},
      {"txt.example", MTASTS_RR_A, MTASTS_DNS_NODATA, 0, DNS_NEGATIVE_TTL, ""},
      {"nowhere.example", MTASTS_RR_TXT, MTASTS_DNS_NXDOMAIN, 0, DNS_NEGATIVE_TTL, ""},
      {"mx.example", MTASTS_RR_MX, MTASTS_DNS_ANSWER, 1, DNS_TTL, ""},
      {"mx.example", MTASTS_RR_AAAA, MTASTS_DNS_ANSWER, 1, DNS_TTL, ""},
      {"alias.example", MTASTS_RR_TXT, MTASTS_DNS_ANSWER, 2, DNS_TTL, ""},
      {"alias.example", MTASTS_RR_MX, MTASTS_DNS_NODATA, 0, DNS_NEGATIVE_TTL, ""},
      {"alias-nowhere.example", MTASTS_RR_A, MTASTS_DNS_NXDOMAIN, 0, DNS_NEGATIVE_TTL, ""},
      {"large.example", MTASTS_RR_TXT, MTASTS_DNS_ANSWER, 3, DNS_TTL, ""},
      {"noedns.example", MTASTS_RR_A, MTASTS_DNS_ANSWER, 1, DNS_TTL, ""},
      {"host.test", MTASTS_RR_A, MTASTS_DNS_ANSWER, 1, DNS_TTL, ""},
      {"servfail.example", MTASTS_RR_TXT, MTASTS_DNS_FAILED, 0, 0,
       "TXT servfail.example: SERVFAIL from the resolver"},
      {"refused.example", MTASTS_RR_MX, MTASTS_DNS_FAILED, 0, 0,
       "MX refused.example: SERVFAIL from the resolver"},
      {"formerr.example", MTASTS_RR_A, MTASTS_DNS_FAILED, 0, 0,
       "A formerr.example: SERVFAIL from the resolver"},
      {"notimp.example", MTASTS_RR_AAAA, MTASTS_DNS_FAILED, 0, 0,
       "AAAA notimp.example: SERVFAIL from the resolver"},
      {"garbage.example", MTASTS_RR_A, MTASTS_DNS_FAILED, 0, 0, NULL},
      {"x.drop.example", MTASTS_RR_TXT, MTASTS_DNS_FAILED, 0, 0,
       "TXT x.drop.example: no answer in 2 s"},
  };
  struct fixture f;
  set_up(&f, one_server, 1, 2);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct result result = ask(&f, cases[i].name, cases[i].type);
    const char *name = cases[i].name;
    unit_check(result.outcome == cases[i].outcome, "%s: outcome %d", name, (int)result.outcome);
    unit_check(result.count == cases[i].count, "%s: %zu records", name, result.count);
    unit_check(result.ttl == cases[i].ttl, "%s: TTL %u", name, (unsigned)result.ttl);
    if (cases[i].detail)
      unit_check(strcmp(result.detail, cases[i].detail) == 0, "%s: %s", name, result.detail);
    bool waits = strstr(name, "drop") || strstr(name, "garbage");
    unit_check(waits || result.seconds < 0.5, "%s: %.1f s", name, result.seconds);
    if (strcmp(name, "large.example") == 0)
      unit_check(result.rdata_size > 12000, "large: %zu bytes", result.rdata_size);
  }
  CU_ASSERT_TRUE(f.server.tcp_queries > 0);
  tear_down(&f);
}

static void nothing_cached(void) {
  static const char *const names[] = {"txt.example", "nowhere.example", "txt.example"};
  struct fixture f;
  set_up(&f, one_server, 1, 2);
  for (size_t i = 0; i < 3; i++) {
    unsigned before = f.server.queries;
    ask(&f, names[i], MTASTS_RR_TXT);
    unit_check(f.server.queries > before, "%s: not asked", names[i]);
  }
  atomic_store(&f.server.zone, broken_zone);
  CU_ASSERT_EQUAL(ask(&f, "txt.example", MTASTS_RR_TXT).outcome, MTASTS_DNS_FAILED);
  atomic_store(&f.server.zone, zone);
  CU_ASSERT_EQUAL(ask(&f, "txt.example", MTASTS_RR_TXT).outcome, MTASTS_DNS_ANSWER);
  tear_down(&f);
}

/* Keeps as many look-ups of dead domains in flight as there are results. */
static void ask_dead(struct fixture *f, struct result *results, size_t count) {
  static unsigned serial;
  for (size_t i = 0; i < count; i++) {
    char name[64];
    struct mtasts_dns_query *query;
    snprintf(name, sizeof name, "d%u.drop.example", serial++);
    results[i] = (struct result){.calls = 0};
    CU_ASSERT_EQUAL(
        mtasts_resolver_ask(f->resolver, name, MTASTS_RR_TXT, take, &results[i], &query),
        MTASTS_OK);
  }
}

/* What libunbound does by default: each query that times out doubles its timeout for the server for
 * everybody, and in the end the server is given up. */
static void dead_domains_harm_nobody(void) {
  enum {
    DEAD = 200,
    ROUNDS = 4
  };
  static struct result dead[DEAD];
  struct fixture f;
  set_up(&f, one_server, 1, 1);
  ask_dead(&f, dead, DEAD);
  for (double end = seconds() + 1.1; seconds() < end;) {
    struct result result = ask(&f, "txt.example", MTASTS_RR_TXT);
    unit_check(result.outcome == MTASTS_DNS_ANSWER, "beside dead domains: %s", result.detail);
    run_for(&f, 50);
  }
  /* Dead domains alone, so that no good answer resets the state; then a packet is lost. */
  for (unsigned round = 0; round < ROUNDS; round++) {
    ask_dead(&f, dead, DEAD);
    run_for(&f, 1100);
    for (size_t i = 0; i < DEAD; i++)
      unit_check(dead[i].calls == 1 && dead[i].outcome == MTASTS_DNS_FAILED, "a dead domain: %s",
                 dead[i].detail);
  }
  struct result result = ask(&f, "lossy.example", MTASTS_RR_A);
  unit_check(result.outcome == MTASTS_DNS_ANSWER, "after dead domains: %s, %.1f s", result.detail,
             result.seconds);
  tear_down(&f);
}

static void next_server(void) {
  static const char *const dead_first[] = {DEAD_SERVER, SERVER};
  static const char *const broken_first[] = {SERVER, SECOND_SERVER};
  struct fixture f;
  set_up(&f, dead_first, 2, 5);
  struct result result = ask(&f, "txt.example", MTASTS_RR_TXT);
  unit_check(result.outcome == MTASTS_DNS_ANSWER && result.seconds < 1.5, "silent server: %.1f s",
             result.seconds);
  result = ask(&f, "txt.example", MTASTS_RR_TXT);
  unit_check(result.seconds < 0.2, "the server that answers comes first: %.1f s", result.seconds);
  tear_down(&f);

  struct dns_server second;
  set_up(&f, broken_first, 2, 5);
  CU_ASSERT_TRUE_FATAL(dns_start(&second, 5301, zone));
  atomic_store(&f.server.zone, broken_zone);
  result = ask(&f, "txt.example", MTASTS_RR_TXT);
  unit_check(result.outcome == MTASTS_DNS_ANSWER && result.seconds < 2.5, "failing server: %.1f s",
             result.seconds);
  atomic_store(&second.zone, broken_zone);
  result = ask(&f, "txt.example", MTASTS_RR_TXT);
  CU_ASSERT_EQUAL(result.outcome, MTASTS_DNS_FAILED);
  tear_down(&f);
  dns_stop(&second);
}

/* However often libunbound tries, and however long: our own time counts, and what the servers did.
 */
static void patience_is_ours(void) {
  static const char *const silent_and_failing[] = {DEAD_SERVER, SERVER};
  static const struct dns_line silent_zone[] = {{"*.example", "DROP", ""}, {NULL, NULL, NULL}};
  struct fixture f;
  set_up(&f, one_server, 1, 5);
  struct result result = ask(&f, "x.drop.example", MTASTS_RR_TXT);
  unit_check(strcmp(result.detail, "TXT x.drop.example: no answer in 5 s") == 0, "silent: %s",
             result.detail);
  unit_check(result.seconds > 4.9 && result.seconds < 6, "silent: %.1f s", result.seconds);
  unit_check(f.server.queries >= 3, "silent: asked %u times", f.server.queries);
  /* It answers again before that time is over. */
  struct mtasts_dns_query *query;
  struct result late = {.base = f.base};
  atomic_store(&f.server.zone, silent_zone);
  CU_ASSERT_EQUAL(
      mtasts_resolver_ask(f.resolver, "txt.example", MTASTS_RR_TXT, take, &late, &query),
      MTASTS_OK);
  run_for(&f, 3200);
  CU_ASSERT_EQUAL(late.calls, 0);
  atomic_store(&f.server.zone, zone);
  event_base_dispatch(f.base);
  unit_check(late.outcome == MTASTS_DNS_ANSWER, "after 3 s: %s", late.detail);
  tear_down(&f);

  set_up(&f, silent_and_failing, 2, 3);
  result = ask(&f, "servfail.example", MTASTS_RR_TXT);
  unit_check(strcmp(result.detail, "TXT servfail.example: SERVFAIL from " SERVER
                                   ", no answer from another server in 3 s") == 0,
             "silent and failing: %s", result.detail);
  unit_check(result.seconds > 2.9 && result.seconds < 4, "silent and failing: %.1f s",
             result.seconds);
  tear_down(&f);
}

static void failures_are_told_at_once(void) {
  static const char *const two[] = {SERVER, SECOND_SERVER};
  static const char *const unreachable[] = {"203.0.113.53"};
  struct fixture f;
  struct dns_server second;
  set_up(&f, one_server, 1, 5);
  struct result result = ask(&f, "servfail.example", MTASTS_RR_TXT);
  unit_check(result.seconds < 0.5, "SERVFAIL: %.1f s", result.seconds);
  unit_check(f.server.queries <= 3, "SERVFAIL: asked %u times", f.server.queries);
  result = ask(&f, "slowfail.example", MTASTS_RR_TXT);
  unit_check(strcmp(result.detail, "TXT slowfail.example: SERVFAIL from the resolver") == 0,
             "slow SERVFAIL: %s", result.detail);
  unit_check(result.seconds < 2.5, "slow SERVFAIL: %.1f s", result.seconds);
  tear_down(&f);

  set_up(&f, two, 2, 5);
  CU_ASSERT_TRUE_FATAL(dns_start(&second, 5301, broken_zone));
  result = ask(&f, "servfail.example", MTASTS_RR_TXT);
  unit_check(strstr(result.detail, ": SERVFAIL from the resolver") != NULL && result.seconds < 0.5,
             "two of them: %s in %.1f s", result.detail, result.seconds);
  CU_ASSERT_TRUE(f.server.queries > 0 && second.queries > 0);
  tear_down(&f);
  dns_stop(&second);

  set_up(&f, unreachable, 1, 5);
  result = ask(&f, "txt.example", MTASTS_RR_TXT);
  unit_check(strcmp(result.detail, "TXT txt.example: 203.0.113.53@53 cannot be asked: Network is "
                                   "unreachable") == 0 &&
                 result.seconds < 0.5,
             "no way: %s in %.1f s", result.detail, result.seconds);
  tear_down(&f);
}

static void link_local(void) {
  static const char *const scoped[] = {"fe80::53%lo@5302", "fe80::53%nowhere0@5302"};
  struct fixture f;
  struct dns_server server;
  struct sockaddr_in6 address = {
      .sin6_family = AF_INET6, .sin6_port = htons(5302), .sin6_scope_id = 1};
  char servers[MTASTS_DNS_SERVER_LIST_TEXT];
  CU_ASSERT_TRUE_FATAL(namespace_enter() && namespace_link_local("lo"));
  inet_pton(AF_INET6, "fe80::53", &address.sin6_addr);
  CU_ASSERT_TRUE_FATAL(dns_serve(&server, (const struct sockaddr *)&address, sizeof address, zone));
  set_up(&f, scoped, 1, 2);
  struct result result = ask(&f, "txt.example", MTASTS_RR_TXT);
  unit_check(result.outcome == MTASTS_DNS_ANSWER, "fe80::53%%lo: %s", result.detail);
  result = ask(&f, "large.example", MTASTS_RR_TXT); /* over TCP */
  unit_check(result.outcome == MTASTS_DNS_ANSWER && server.tcp_queries > 0, "TCP: %s",
             result.detail);
  mtasts_dns_server_list_write(mtasts_resolver_servers(f.resolver), servers);
  unit_check(strcmp(servers, scoped[0]) == 0, "servers: %s", servers);
  CU_ASSERT_TRUE(mtasts_resolver_reachable(f.resolver, 1));
  tear_down(&f);

  set_up(&f, &scoped[1], 1, 2);
  CU_ASSERT_EQUAL(mtasts_resolver_servers(f.resolver)->count, 0);
  result = ask(&f, "txt.example", MTASTS_RR_TXT);
  unit_check(strcmp(result.detail,
                    "TXT txt.example: DNS server fe80::53%nowhere0@5302 cannot be asked: this "
                    "machine has no such interface") == 0,
             "unknown interface: %s", result.detail);
  tear_down(&f);

  set_up(&f, scoped, 2, 2);
  result = ask(&f, "txt.example", MTASTS_RR_TXT);
  unit_check(result.outcome == MTASTS_DNS_ANSWER, "beside an unknown interface: %s", result.detail);
  CU_ASSERT_TRUE(*mtasts_resolver_servers(f.resolver)->trouble);
  tear_down(&f);
  dns_stop(&server);
}

static void cancelled(void) {
  struct fixture f;
  struct result results[3] = {{.calls = 0}};
  struct mtasts_dns_query *queries[3];
  set_up(&f, one_server, 1, 2);
  for (size_t i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(mtasts_resolver_ask(f.resolver, i ? "x.drop.example" : "txt.example",
                                        MTASTS_RR_TXT, take, &results[i], &queries[i]),
                    MTASTS_OK);
  mtasts_resolver_cancel(queries[0]); /* before it was sent */
  run_for(&f, 200);
  mtasts_resolver_cancel(queries[1]); /* waiting for the server */
  CU_ASSERT_EQUAL(ask(&f, "txt.example", MTASTS_RR_TXT).outcome, MTASTS_DNS_ANSWER);
  tear_down(&f); /* the third is still in flight */
  for (size_t i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(results[i].calls, 0);
}

static void free_in_callback(void *context, const struct mtasts_dns_answer *answer) {
  struct fixture *f = context;
  CU_ASSERT_EQUAL(answer->outcome, MTASTS_DNS_ANSWER);
  mtasts_resolver_free(f->resolver);
  f->resolver = NULL;
  CU_ASSERT_EQUAL(answer->message.count, 2); /* still good */
  event_base_loopbreak(f->base);
}

static void freed_by_callback(void) {
  struct fixture f;
  struct mtasts_dns_query *query;
  set_up(&f, one_server, 1, 2);
  CU_ASSERT_EQUAL(
      mtasts_resolver_ask(f.resolver, "txt.example", MTASTS_RR_TXT, free_in_callback, &f, &query),
      MTASTS_OK);
  event_base_dispatch(f.base);
  tear_down(&f);
}

static void bad_servers(void) {
  static const char *const bad[] = {"",
                                    "example.com",
                                    "127.1",
                                    "1",
                                    "127.0.0.1@",
                                    "127.0.0.1@0",
                                    "::1@65536",
                                    "127.0.0.1@53x",
                                    "127.0.0.1:53",
                                    "@53",
                                    "1.2.3.4\"",
                                    "::g",
                                    "fe80::53",
                                    "fe80::53%",
                                    "2001:db8::1%lo",
                                    "127.0.0.1%lo",
                                    "fe80::53%lo@0",
                                    "fe80::53%a-name-of-an-interface-too-long"};
  static const char *const good[] = {"127.0.0.1", "::1", "::1@5353", "127.0.0.1@65535"};
  struct event_base *base = event_base_new();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct mtasts_resolver *resolver = NULL;
    char error[MTASTS_ERROR_TEXT] = "";
    unit_check(mtasts_resolver_new(base,
                                   &(struct mtasts_resolver_options){
                                       .servers = &bad[i], .server_count = 1, .timeout = 1},
                                   error, &resolver) == MTASTS_INVALID &&
                   strstr(error, "is not the address of a DNS server"),
               "\"%s\": %s", bad[i], error);
  }
  struct mtasts_resolver *resolver = NULL;
  char error[MTASTS_ERROR_TEXT] = "";
  unit_check(
      mtasts_resolver_new(
          base, &(struct mtasts_resolver_options){.servers = good, .server_count = 4, .timeout = 1},
          error, &resolver) == MTASTS_OK,
      "good servers: %s", error);
  mtasts_resolver_free(resolver);
  const char *many[MTASTS_RESOLVER_SERVERS + 1];
  for (size_t i = 0; i < MTASTS_RESOLVER_SERVERS + 1; i++)
    many[i] = "127.0.0.1";
  CU_ASSERT_EQUAL(mtasts_resolver_new(
                      base,
                      &(struct mtasts_resolver_options){.servers = many,
                                                        .server_count = MTASTS_RESOLVER_SERVERS + 1,
                                                        .timeout = 1},
                      error, &resolver),
                  MTASTS_INVALID);
  event_base_free(base);
}

static void reachable(void) {
  static const char *const servers[] = {DEAD_SERVER};
  struct fixture f;
  struct mtasts_resolver *dead;
  set_up(&f, one_server, 1, 1);
  CU_ASSERT_TRUE(mtasts_resolver_reachable(f.resolver, 2));
  CU_ASSERT_EQUAL_FATAL(
      mtasts_resolver_new(
          f.base,
          &(struct mtasts_resolver_options){.servers = servers, .server_count = 1, .timeout = 1},
          f.error, &dead),
      MTASTS_OK);
  CU_ASSERT_FALSE(mtasts_resolver_reachable(dead, 1));
  mtasts_resolver_free(dead);
  tear_down(&f);
}

/* Left to itself, libunbound logs that it is out of descriptors, and more. */
static void silent(void) {
  static struct result dead[40];
  struct fixture f;
  struct rlimit limit;
  char text[256] = "";
  FILE *file = tmpfile();
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fflush(stderr);
  int saved = dup(2);
  dup2(fileno(file), 2);
  getrlimit(RLIMIT_NOFILE, &limit);
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){24, limit.rlim_max});
  set_up(&f, one_server, 1, 1);
  ask_dead(&f, dead, sizeof dead / sizeof *dead);
  ask(&f, "servfail.example", MTASTS_RR_TXT);
  ask(&f, "garbage.example", MTASTS_RR_TXT);
  ask(&f, "x.drop.example", MTASTS_RR_TXT);
  tear_down(&f);
  setrlimit(RLIMIT_NOFILE, &limit);
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  rewind(file);
  size_t size = fread(text, 1, sizeof text - 1, file);
  unit_check(size == 0, "standard error: %s", text);
  fclose(file);
}

const char *const unit_name = "net/resolver";
const struct unit_test unit_tests[] = {
    {"each way to answer has its outcome, TTL and detail", outcomes},
    {"neither answers nor failures are cached", nothing_cached},
    {"the timeout of a query is ours, and so is its error", patience_is_ours},
    {"failures are reported at once, after each server was asked", failures_are_told_at_once},
    {"a server with a link-local address is asked at its interface", link_local},
    {"domains whose queries time out harm no other domain", dead_domains_harm_nobody},
    {"the next server is asked when one is silent or fails", next_server},
    {"a cancelled query does not call back", cancelled},
    {"a callback may free the resolver", freed_by_callback},
    {"what is no server address is refused", bad_servers},
    {"a dead resolver is distinguished from a live one", reachable},
    {"nothing is written to standard error", silent},
    {NULL, NULL},
};
