#include "observe.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ascii.h"
#include "clock.h"
#include "namespace.h"
#include "observe_tables.h"
#include "unit.h"

enum {
  DNS_PORT = 5353,
};

static struct https_authority known;
static struct https_authority unknown;
static struct dns_server dns;
static struct https_server https;
static struct smtp_server smtp;
static char directory[] = "/tmp/observe_test_XXXXXX";
static char ca_file[64];
static char config_file[64];
static char error[MTASTS_ERROR_TEXT];
static struct mtasts_observations *made;
static size_t shown;

static bool set_up(void) {
  static bool done;
  if (done)
    return true;
  if (!namespace_enter() || !namespace_ipv6("::1")) {
    unit_skip("no network namespace");
    return false;
  }
  known = https_authority("Known CA");
  unknown = https_authority("Unknown CA");
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
  snprintf(ca_file, sizeof ca_file, "%s/ca.pem", directory);
  snprintf(config_file, sizeof config_file, "%s/mtasts.conf", directory);
  done = https_write_bundle(&known, ca_file) && dns_start(&dns, DNS_PORT, zone) &&
         https_start(&https, "127.0.0.1", "::1", https_sites, &known, &unknown) &&
         smtp_start(&smtp, smtp_sites, &known, &unknown);
  CU_ASSERT_FATAL(done);
  return done;
}

static void show(void *context, size_t ended, size_t total) {
  (void)context;
  CU_ASSERT(ended <= total);
  shown++;
}

static struct mtasts_config *configure(const char *text) {
  struct mtasts_config *config = NULL;
  FILE *file = fopen(config_file, "we");
  fputs(text, file);
  fclose(file);
  unit_check(mtasts_config_load(config_file, error, &config) == MTASTS_OK, "%s", error);
  CU_ASSERT_PTR_NOT_NULL_FATAL(config);
  return config;
}

static bool mx_only;

/* names: separated by one space. */
static void observe(const char *settings, const char *names, bool with_smtp) {
  struct mtasts_domain domains[32];
  size_t count = 0;
  struct mtasts_config *config = configure(settings);
  const struct mtasts_observe_options options = {
      .config = config,
      .resolver = "127.0.0.1@5353",
      .ca_file = ca_file,
      .smtp = with_smtp,
      .mx_only = mx_only,
      .smtp_timeout = 2,
      .helo = "probe.example",
      .now = time(NULL),
      .progress = show,
  };
  for (const char *at = names; *at && count < 32; at += *at == ' ') {
    size_t length = strcspn(at, " ");
    CU_ASSERT(mtasts_domain_parse((struct mtasts_span){at, length}, &domains[count++]) ==
              MTASTS_OK);
    at += length;
  }
  enum mtasts_status status = mtasts_observe(&options, domains, count, error, &made);
  unit_check(status == MTASTS_OK, "%s: %s", names, error);
  mtasts_config_free(config);
  CU_ASSERT_FATAL(status == MTASTS_OK);
}

#define BY_PROXY                                                                                   \
  "dns { dnssec = \"off\" timeout = 2 }\n"                                                         \
  "https { timeout = 2 allow_private = true proxy = \"http://127.0.0.1:3128\" }\n"
#define OPEN "dns { dnssec = \"off\" timeout = 2 }\nhttps { timeout = 2 allow_private = true }\n"

static bool is(struct mtasts_span text, const char *expected) {
  return mtasts_span_equal(text, mtasts_span_of(expected));
}

static void check_whole(const struct mtasts_observation *o) {
  CU_ASSERT(strcmp(o->domain.name, "whole.example") == 0);
  CU_ASSERT(!o->resolver_dead && !o->validates && o->smtp && !o->deadline);
  CU_ASSERT(is(o->servers, "127.0.0.1@5353"));
  CU_ASSERT(o->record.answer.asked && o->record.answer.outcome == MTASTS_DNS_ANSWER);
  CU_ASSERT(o->record.answer.ttl == DNS_TTL && o->record.count == 2);
  CU_ASSERT(is(o->record.texts[0], RECORD) && is(o->record.texts[1], "another"));
  CU_ASSERT(is(o->policy_host.alias, "web.example") && o->policy_host.count == 2);
  CU_ASSERT_FATAL(o->https_count == 2);
  for (size_t i = 0; i < 2; i++) {
    const struct mtasts_seen_https *seen = &o->https[i];
    CU_ASSERT(seen->connect == MTASTS_CONNECT_DONE && seen->tls == MTASTS_TLS_DONE);
    CU_ASSERT(seen->accepted && seen->complete && seen->status == 200 && seen->has_type);
    CU_ASSERT(is(seen->type, "text/plain") && is(seen->body, HTTPS_POLICY));
    CU_ASSERT(seen->certificate.trusted && seen->certificate.names_host);
    CU_ASSERT(seen->detail.len == 0 && !seen->target.data);
  }
  CU_ASSERT(IN6_IS_ADDR_V4MAPPED(&o->https[0].address));
  CU_ASSERT(IN6_IS_ADDR_LOOPBACK(&o->https[1].address));
}

static void check_hosts(const struct mtasts_observation *o) {
  CU_ASSERT_FATAL(o->mx_count == 2);
  CU_ASSERT(o->mx_answer.outcome == MTASTS_DNS_ANSWER && !o->null_mx && !o->implicit_mx);
  const struct mtasts_seen_mx *first = &o->mx[0];
  CU_ASSERT(is(first->host, "mx.mail.example") && first->preference == 10);
  CU_ASSERT(first->addresses.count == 2 && !first->addresses.alias.data);
  CU_ASSERT_FATAL(first->server_count == 2);
  CU_ASSERT(first->servers[0].tls == MTASTS_TLS_DONE && first->servers[0].certificate.names_host);
  CU_ASSERT(first->servers[1].tls == MTASTS_TLS_DONE && !first->servers[1].certificate.names_host);
  CU_ASSERT(!first->tlsa.answer.asked);
  const struct mtasts_seen_mx *second = &o->mx[1];
  CU_ASSERT(is(second->host, "mx2.mail.example") && second->preference == 20);
  CU_ASSERT(is(second->addresses.alias, "mx3.mail.example") && second->server_count == 1);
  CU_ASSERT(!second->servers[0].certificate.names_host);
}

static void check_targets(const struct mtasts_observation *o) {
  CU_ASSERT_FATAL(o->rua_count == 7);
  const struct mtasts_seen_rua *rua = o->rua;
  CU_ASSERT(is(rua[0].uri, "mailto:a@whole.example") && rua[0].has_mx && !rua[0].null_mx);
  CU_ASSERT(is(rua[0].host, "whole.example") && !rua[0].https && rua[0].mx.asked);
  CU_ASSERT(rua[1].https && is(rua[1].host, "reports.example"));
  CU_ASSERT(rua[1].connect == MTASTS_CONNECT_DONE && rua[1].addresses.count == 1);
  CU_ASSERT(rua[2].null_mx && !rua[2].has_mx);
  CU_ASSERT(rua[3].https && rua[3].connect == MTASTS_CONNECT_FAILED);
  CU_ASSERT(!rua[4].has_mx && rua[4].addresses.count == 1);
  CU_ASSERT(!rua[5].host.data && is(rua[5].uri, "ftp://whole.example"));
  CU_ASSERT(rua[6].mx.outcome == MTASTS_DNS_NXDOMAIN && rua[6].addresses.count == 0);
  CU_ASSERT(rua[6].addresses.a.asked && rua[6].addresses.a.outcome == MTASTS_DNS_NXDOMAIN);
}

static void whole(void) {
  if (!set_up())
    return;
  shown = 0;
  observe(OPEN, "whole.example shares.example whole.example", true);
  check_whole(mtasts_observations_at(made, 0));
  check_hosts(mtasts_observations_at(made, 0));
  check_targets(mtasts_observations_at(made, 0));
  check_whole(mtasts_observations_at(made, 2));
  const struct mtasts_observation *shares = mtasts_observations_at(made, 1);
  CU_ASSERT(shares->mx_count == 1 && shares->mx[0].server_count == 2);
  CU_ASSERT(shares->mx[0].servers[0].tls == MTASTS_TLS_DONE);
  CU_ASSERT(shares->record.answer.outcome == MTASTS_DNS_NXDOMAIN && shares->https_count == 0);
  CU_ASSERT(shares->policy_host.a.outcome == MTASTS_DNS_NXDOMAIN);
  /* Rule 29: each address of each host once, though three domains have them. */
  CU_ASSERT(smtp.connected[0] == 1 && smtp.connected[1] == 2);
  /* one connection and one GET for each address of the policy host, and one for the target */
  CU_ASSERT(https.connections == 3);
  CU_ASSERT(strncmp(https.request, "GET /.well-known/mta-sts.txt HTTP/1.1\r\n", 39) == 0);
  mtasts_observations_free(made);
}

static void without_mail(void) {
  if (!set_up())
    return;
  observe(OPEN,
          "null.example null-and.example implicit.example empty.example none.example "
          "fails.example literal.example dropped.example",
          false);
  const struct mtasts_observation *o = mtasts_observations_at(made, 0);
  CU_ASSERT(o->null_mx && o->mx_count == 0 && !o->smtp);
  o = mtasts_observations_at(made, 1);
  CU_ASSERT(o->null_mx && o->mx_count == 1);
  CU_ASSERT(o->mx[0].server_count == 2);
  CU_ASSERT(o->mx[0].servers[0].connect == MTASTS_CONNECT_NOT_TRIED);
  o = mtasts_observations_at(made, 2);
  CU_ASSERT(o->implicit_mx && o->mx_count == 1 && is(o->mx[0].host, "implicit.example"));
  o = mtasts_observations_at(made, 3);
  CU_ASSERT(o->implicit_mx && o->mx_count == 0 && o->mx_answer.outcome == MTASTS_DNS_NODATA);
  o = mtasts_observations_at(made, 4);
  CU_ASSERT(!o->implicit_mx && o->mx_count == 0 && o->mx_answer.outcome == MTASTS_DNS_NXDOMAIN);
  o = mtasts_observations_at(made, 5);
  CU_ASSERT(!o->resolver_dead && o->mx_answer.outcome == MTASTS_DNS_FAILED && !o->mx_answer.local);
  CU_ASSERT(o->record.answer.outcome == MTASTS_DNS_FAILED && !o->record.answer.local);
  CU_ASSERT(o->policy_host.a.outcome == MTASTS_DNS_FAILED && o->record.answer.detail.len > 0);
  o = mtasts_observations_at(made, 6);
  CU_ASSERT_FATAL(o->mx_count == 3);
  CU_ASSERT(o->mx[0].is_address && is(o->mx[0].host, "127.0.1.1") && o->mx[0].server_count == 0);
  CU_ASSERT(!o->mx[1].is_address && is(o->mx[1].host, "bad host.example"));
  CU_ASSERT(o->mx[1].addresses.a.outcome == MTASTS_DNS_NXDOMAIN);
  CU_ASSERT(!o->mx[2].is_address && o->mx[2].addresses.a.outcome == MTASTS_DNS_NODATA);
  /* Its name servers are silent, the resolver is not. */
  o = mtasts_observations_at(made, 7);
  CU_ASSERT(o->record.answer.outcome == MTASTS_DNS_FAILED && !o->record.answer.local);
  CU_ASSERT(o->mx_answer.outcome == MTASTS_DNS_FAILED && !o->resolver_dead && !o->deadline);
  mtasts_observations_free(made);
}

/* How far each policy host gets. */
static const struct {
  const char *domain;
  enum mtasts_seen_connect connect;
  enum mtasts_seen_tls tls;
  bool complete;
  long status;
  const char *detail; /* how it begins */
} policy_hosts[] = {
    {"404.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, true, 404, "HTTP status 404"},
    {"redirect.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, true, 301, "HTTP status 301"},
    {"html.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, true, 200, "mta-sts.html.example sends"},
    {"no-type.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, true, 200, "mta-sts.no-type.example"},
    {"two-types.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, true, 200, "mta-sts.two-types"},
    {"large.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, true, 200, "policy of mta-sts.large"},
    {"short.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, false, 200, "policy of mta-sts.short"},
    {"cut.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, false, 200, "policy of mta-sts.cut"},
    {"gzip.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, false, 200, "mta-sts.gzip.example"},
    {"silent.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, false, 0,
     "mta-sts.silent.example did"},
    {"tls11.example", MTASTS_CONNECT_DONE, MTASTS_TLS_TOO_OLD, false, 0, "the server has nothing"},
    {"expired.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, false, 0, ""},
    {"unknown.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, false, 0, ""},
    {"wrong.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, false, 0, ""},
    {"http09.example", MTASTS_CONNECT_DONE, MTASTS_TLS_DONE, false, 0, "fetching from"},
    {"refused.example", MTASTS_CONNECT_FAILED, MTASTS_TLS_NOT_TRIED, false, 0, "Connection"},
    {"no-route.example", MTASTS_CONNECT_NO_ROUTE, MTASTS_TLS_NOT_TRIED, false, 0, "Network"},
};

static void each_policy_host(void) {
  char names[1024] = "";
  if (!set_up())
    return;
  for (size_t i = 0; i < sizeof policy_hosts / sizeof *policy_hosts; i++)
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? " " : "",
             policy_hosts[i].domain);
  observe(OPEN, names, true);
  for (size_t i = 0; i < sizeof policy_hosts / sizeof *policy_hosts; i++) {
    const char *name = policy_hosts[i].domain;
    const struct mtasts_observation *o = mtasts_observations_at(made, i);
    unit_check(o->https_count == 1 && !o->deadline, "%s: one address", name);
    const struct mtasts_seen_https *seen = &o->https[0];
    unit_check(seen->connect == policy_hosts[i].connect, "%s: connect %d", name, seen->connect);
    unit_check(seen->tls == policy_hosts[i].tls, "%s: tls %d", name, seen->tls);
    unit_check(seen->complete == policy_hosts[i].complete, "%s: complete", name);
    unit_check(seen->status == policy_hosts[i].status, "%s: status %ld", name, seen->status);
    unit_check(!seen->accepted, "%s: not accepted", name);
    unit_check(seen->detail.len >= strlen(policy_hosts[i].detail) &&
                   strncmp(seen->detail.len ? seen->detail.data : "", policy_hosts[i].detail,
                           strlen(policy_hosts[i].detail)) == 0,
               "%s: detail %.*s", name, (int)seen->detail.len, seen->detail.data);
    unit_check(seen->too_large == (strcmp(name, "large.example") == 0), "%s: size", name);
    const struct mtasts_seen_certificate *certificate = &seen->certificate;
    unit_check(certificate->present == (seen->tls != MTASTS_TLS_NOT_TRIED), "%s: present", name);
    if (certificate->present) {
      unit_check(certificate->trusted == (strcmp(name, "unknown.example") != 0), "%s", name);
      unit_check(certificate->names_host == (strcmp(name, "wrong.example") != 0), "%s", name);
      unit_check((certificate->not_after < o->now) == (strcmp(name, "expired.example") == 0), "%s",
                 name);
    }
  }
  const struct mtasts_seen_https *seen = mtasts_observations_at(made, 1)->https;
  CU_ASSERT(is(seen->target, "https://elsewhere.example/"));
  seen = mtasts_observations_at(made, 2)->https;
  CU_ASSERT(is(seen->type, "text/html; x") && is(seen->body, HTTPS_POLICY));
  CU_ASSERT(!mtasts_observations_at(made, 3)->https->has_type);
  CU_ASSERT(is(mtasts_observations_at(made, 4)->https->type, "text/plain, text/plain"));
  mtasts_observations_free(made);
}

static void private_addresses(void) {
  if (!set_up())
    return;
  unsigned before = smtp.connected[0];
  unsigned requests = https.connections;
  observe("dns { dnssec = \"off\" timeout = 2 }\nhttps { timeout = 2 }\n", "whole.example", true);
  const struct mtasts_observation *o = mtasts_observations_at(made, 0);
  CU_ASSERT(o->https_count == 2 && o->https[0].private_address);
  CU_ASSERT(o->https[0].connect == MTASTS_CONNECT_NOT_TRIED);
  CU_ASSERT(o->mx[0].servers[0].private_address && !o->deadline);
  CU_ASSERT(o->mx[0].servers[0].connect == MTASTS_CONNECT_NOT_TRIED);
  CU_ASSERT(o->rua[1].connect == MTASTS_CONNECT_NOT_TRIED && o->rua[1].addresses.count == 1);
  CU_ASSERT(smtp.connected[0] == before && https.connections == requests);
  mtasts_observations_free(made);
  observe("dns { dnssec = \"off\" timeout = 2 }\nhttps { timeout = 2 }\n", "whole.example", false);
  o = mtasts_observations_at(made, 0);
  CU_ASSERT(o->mx[0].servers[0].private_address && !o->smtp);
  CU_ASSERT(o->mx[0].servers[0].connect == MTASTS_CONNECT_NOT_TRIED);
  mtasts_observations_free(made);
}

/* Each once, also if an AAAA record holds the mapped form of an A record, and in an order of their
 * own. */
static void addresses(void) {
  if (!set_up())
    return;
  static const char *const expected[] = {"::ffff:127.0.1.1", "::ffff:127.0.1.9", "::1", "::2"};
  observe(OPEN, "twice.example", false);
  const struct mtasts_observation *o = mtasts_observations_at(made, 0);
  CU_ASSERT_FATAL(o->mx_count == 1 && o->mx[0].addresses.count == 4);
  for (size_t i = 0; i < 4; i++) {
    struct in6_addr address;
    CU_ASSERT(inet_pton(AF_INET6, expected[i], &address) == 1);
    CU_ASSERT(memcmp(&address, &o->mx[0].servers[i].address, sizeof address) == 0);
  }
  mtasts_observations_free(made);
}

/* However many are silent, the call takes no longer than one of them. */
static void silent_servers(void) {
  if (!set_up())
    return;
  uint64_t begun = mtasts_clock_us();
  observe(OPEN, "slow.example", true);
  const struct mtasts_observation *o = mtasts_observations_at(made, 0);
  uint64_t took = mtasts_clock_us() - begun;
  unit_check(took > 1900000 && took < 4000000, "took %.1f s", (double)took / 1e6);
  CU_ASSERT(o->mx_count == 2 && o->mx[0].server_count == 3 && !o->deadline);
  CU_ASSERT(o->mx[0].servers[2].smtp == MTASTS_SMTP_PROTOCOL);
  CU_ASSERT(shown > 0);
  mtasts_observations_free(made);
}

/* A proxy that is down is a fault of this host's, and says nothing of the policy host. */
static void by_proxy(void) {
  if (!set_up())
    return;
  unsigned requests = https.connections;
  observe(BY_PROXY, "404.example", false);
  const struct mtasts_observation *o = mtasts_observations_at(made, 0);
  CU_ASSERT(o->https_count == 1 && IN6_IS_ADDR_UNSPECIFIED(&o->https[0].address));
  CU_ASSERT(o->https[0].connect == MTASTS_CONNECT_NO_ROUTE && o->https[0].detail.len > 0);
  CU_ASSERT(https.connections == requests);
  mtasts_observations_free(made);
  /* Its failures come before the DNS has answered: they say nothing of the resolver. */
  observe(BY_PROXY, "a.late.example b.late.example c.late.example d.late.example e.late.example",
          false);
  o = mtasts_observations_at(made, 0);
  CU_ASSERT(!o->resolver_dead && o->record.count == 1 && !o->deadline);
  mtasts_observations_free(made);
  /* The targets of reports are looked up, and not connected to. */
  observe(BY_PROXY, "whole.example", false);
  o = mtasts_observations_at(made, 0);
  CU_ASSERT(o->rua_count == 7 && o->rua[1].addresses.count == 1 && !o->deadline);
  CU_ASSERT(o->rua[1].connect == MTASTS_CONNECT_NOT_TRIED);
  CU_ASSERT(https.connections == requests);
  mtasts_observations_free(made);
}

/* Nothing is said against a domain by a resolver that fails for the root as well. */
static void failing_resolver(void) {
  if (!set_up())
    return;
  char here[512] = "";
  char validates[700];
  CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(here, sizeof here));
  snprintf(validates, sizeof validates,
           "dns { timeout = 2 trust_anchor = \"%s/tests/data/dnssec/root.key\" }\n", here);
  const char *const settings[] = {OPEN, validates};
  for (size_t i = 0; i < 2; i++) {
    dns.zone = broken;
    observe(settings[i], "whole.example shares.example", false);
    const struct mtasts_observation *o = mtasts_observations_at(made, 1);
    unit_check(o->resolver_dead, "settings %zu: the resolver is dead", i);
    mtasts_observations_free(made);
  }
  dns.zone = broken_domain;
  observe(OPEN, "whole.example", false);
  const struct mtasts_observation *o = mtasts_observations_at(made, 0);
  CU_ASSERT(!o->resolver_dead && o->record.answer.outcome == MTASTS_DNS_FAILED);
  CU_ASSERT(!o->record.answer.local && !o->mx_answer.local && !o->deadline);
  mtasts_observations_free(made);
  dns.zone = zone;
}

/* Nothing but MX, and the hosts of those. */
static void mail_servers_alone(void) {
  if (!set_up())
    return;
  unsigned before = https.connections;
  mx_only = true;
  observe(OPEN, "whole.example", true);
  mx_only = false;
  const struct mtasts_observation *o = mtasts_observations_at(made, 0);
  check_hosts(o);
  CU_ASSERT(!o->record.answer.asked && !o->tlsrpt.answer.asked && !o->policy_host.a.asked);
  CU_ASSERT(o->https_count == 0 && o->rua_count == 0 && !o->deadline);
  CU_ASSERT_EQUAL(https.connections, before);
  mtasts_observations_free(made);
}

/* More than may be asked at a time at one address: the call ends all the same. */
static void too_many(void) {
  if (!set_up())
    return;
  uint64_t begun = mtasts_clock_us();
  observe("dns { dnssec = \"off\" timeout = 1 }\nhttps { timeout = 1 allow_private = true }\n",
          "many.example", true);
  const struct mtasts_observation *o = mtasts_observations_at(made, 0);
  uint64_t took = mtasts_clock_us() - begun;
  size_t late = 0;
  size_t judged = 0;
  unit_check(took > 3900000 && took < 8000000, "took %.1f s", (double)took / 1e6);
  CU_ASSERT(o->deadline && o->mx_count == 50);
  for (size_t i = 0; i < o->mx_count; i++) {
    CU_ASSERT_FATAL(o->mx[i].server_count == 1);
    late += o->mx[i].servers[0].connect == MTASTS_CONNECT_DEADLINE;
    judged += o->mx[i].servers[0].smtp == MTASTS_SMTP_PROTOCOL;
  }
  unit_check(judged >= 10 && late >= 30 && judged + late == 50, "%zu judged, %zu late", judged,
             late);
  mtasts_observations_free(made);
}

static void dead_resolver(void) {
  if (!set_up())
    return;
  uint64_t begun = mtasts_clock_us();
  struct mtasts_config *config = configure("dns { timeout = 1 trust_anchor = \"/none\" }\n");
  struct mtasts_domain domain = {.name = "whole.example", .len = 13};
  const struct mtasts_observe_options options = {
      .config = config,
      .resolver = "127.0.0.77",
      .ca_file = ca_file,
      .smtp = true,
      .smtp_timeout = 30,
      .now = time(NULL),
  };
  CU_ASSERT(mtasts_observe(&options, &domain, 1, error, &made) == MTASTS_OK);
  uint64_t took = mtasts_clock_us() - begun;
  const struct mtasts_observation *o = mtasts_observations_at(made, 0);
  CU_ASSERT(o->resolver_dead && is(o->servers, "127.0.0.77@53"));
  CU_ASSERT(o->record.answer.local && o->mx_count == 0);
  unit_check(took < 10000000, "took %.1f s", (double)took / 1e6);
  mtasts_observations_free(made);
  mtasts_config_free(config);
}

static void bad_bundle(void) {
  if (!set_up())
    return;
  struct mtasts_config *config = configure(OPEN);
  struct mtasts_domain domain = {.name = "whole.example", .len = 13};
  const struct mtasts_observe_options options = {
      .config = config, .ca_file = "/nonexistent/ca.pem", .smtp_timeout = 1};
  CU_ASSERT(mtasts_observe(&options, &domain, 1, error, &made) == MTASTS_NO_FILE);
  CU_ASSERT_PTR_NOT_NULL(strstr(error, "/nonexistent/ca.pem"));
  mtasts_config_free(config);
}

/* DNSSEC: the signed zones of tests/data/dnssec. */
static void validated(void) {
  if (!set_up())
    return;
  struct tree *tree = tree_load("tests/data/dnssec/tree.txt");
  static const struct dns_line none[] = {{NULL, NULL, NULL}};
  CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
  dns.tree = tree;
  dns.zone = none;
  char here[512] = "";
  char settings[700];
  CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(here, sizeof here));
  snprintf(settings, sizeof settings,
           "dns { timeout = 2 trust_anchor = \"%s/tests/data/dnssec/root.key\" }\n"
           "https { timeout = 2 }\n",
           here);
  observe(settings, "good.example badsig.example implicit.example", true);
  const struct mtasts_observation *o = mtasts_observations_at(made, 0);
  CU_ASSERT(o->validates && o->mx_answer.security == MTASTS_SECURITY_SECURE && o->mx_count > 0);
  bool any = false;
  for (size_t i = 0; i < o->mx_count; i++) {
    const struct mtasts_seen_tlsa *tlsa = &o->mx[i].tlsa;
    bool found = tlsa->answer.outcome == MTASTS_DNS_ANSWER && tlsa->count > 0 &&
                 tlsa->answer.security == MTASTS_SECURITY_SECURE;
    any = any || found;
    CU_ASSERT(!found || (tlsa->records[0].len > 3 && tlsa->name.len > 9 &&
                         memcmp(tlsa->name.data, "_25._tcp.", 9) == 0));
  }
  CU_ASSERT(any);
  o = mtasts_observations_at(made, 1);
  CU_ASSERT(o->mx_answer.outcome == MTASTS_DNS_BOGUS && o->mx_count == 0);
  mtasts_observations_free(made);
  dns.zone = zone;
  dns.tree = NULL;
  free(tree);
}

static void tear_down(void) {
  if (!*ca_file)
    return;
  smtp_stop(&smtp);
  https_stop(&https);
  dns_stop(&dns);
  https_authority_free(&known);
  https_authority_free(&unknown);
  CU_ASSERT(unlink(ca_file) == 0 && unlink(config_file) == 0 && rmdir(directory) == 0);
}

const char *const unit_name = "net/observe";
const struct unit_test unit_tests[] = {
    {"a whole domain, its shared hosts and its targets", whole},
    {"domains without mail, and broken ones", without_mail},
    {"how far each policy host gets", each_policy_host},
    {"private addresses are not connected to", private_addresses},
    {"addresses: each once, in order", addresses},
    {"silent servers take the time of one", silent_servers},
    {"a proxy that is down", by_proxy},
    {"more silent servers than the time allows", too_many},
    {"a resolver that is dead ends the call", dead_resolver},
    {"a resolver that fails for all", failing_resolver},
    {"a bundle that cannot be read", bad_bundle},
    {"DNSSEC: MX, addresses and TLSA", validated},
    {"mail servers alone", mail_servers_alone},
    {"all is taken down", tear_down},
    {NULL, NULL},
};
