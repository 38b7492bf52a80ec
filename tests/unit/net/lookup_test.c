#include "lookup.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "deaf.h"
#include "fetch.h"
#include "namespace.h"
#include "resolver.h"
#include "scripted_dns.h"
#include "scripted_https.h"
#include "unit.h"
#include "validator.h"

#define LABEL_60 "a23456789012345678901234567890123456789012345678901234567890"
#define LONG     LABEL_60 "." LABEL_60 "." LABEL_60 "." LABEL_60 ".example"

#define RECORD "v=STSv1; id=20260101;"
#define ADDRESS(domain)                                                                            \
  { "mta-sts." domain, "A", "127.0.0.1" }
#define PUBLISHES(domain)                                                                          \
  {"_mta-sts." domain, "TXT", RECORD}, {domain, "MX", "10 mx." domain}, ADDRESS(domain)

static const struct dns_line zone[] = {
    PUBLISHES("good.example"),
    PUBLISHES("slow-end.example"),
    {"good.example", "MX", "5 MX2.good.example"},
    {"mta-sts.good.example", "AAAA", "::1"},
    {"no-record.example", "MX", "10 mx.example"},
    {"_mta-sts.no-record.example", "A", "127.0.0.1"},
    {"_mta-sts.servfail.example", "RCODE", "2"},
    {"_mta-sts.escape.example", "TXT", "\033[2J v=STSv1;\xff"},
    {"_mta-sts.escape.example", "TXT", "another"},
    {"_mta-sts.no-address.example", "TXT", RECORD},
    {"mta-sts.no-address.example", "TXT", ""},
    {"_mta-sts.no-host.example", "TXT", RECORD},
    {"_mta-sts.address-fails.example", "TXT", RECORD},
    {"mta-sts.address-fails.example", "RCODE", "2"},
    {"_mta-sts.second.example", "TXT", RECORD}, /* reached by its second family only */
    {"mta-sts.second.example", "A", "127.0.0.9"},
    {"mta-sts.second.example", "AAAA", "::ffff:127.0.0.1"},
    {"_mta-sts.refused.example", "TXT", RECORD},
    {"mta-sts.refused.example", "A", "127.0.0.9"},
    {"mta-sts.refused.example", "RCODE", "2 AAAA"},
    {"_mta-sts.silent-a.example", "TXT", RECORD}, /* the DNS never answers for IPv4 */
    {"mta-sts.silent-a.example", "DROP", "A"},
    {"mta-sts.silent-a.example", "AAAA", "::1"},
    {"_mta-sts.silent-aaaa.example", "TXT", RECORD},
    {"mta-sts.silent-aaaa.example", "A", "127.0.0.1"},
    {"mta-sts.silent-aaaa.example", "DROP", "AAAA"},
    {"_mta-sts.dead-a.example", "TXT", RECORD}, /* swallows SYNs */
    {"mta-sts.dead-a.example", "A", "127.0.0.11"},
    {"mta-sts.dead-a.example", "AAAA", "::1"},
    {"_mta-sts.dead-aaaa.example", "TXT", RECORD},
    {"mta-sts.dead-aaaa.example", "AAAA", "::1:9"},
    {"mta-sts.dead-aaaa.example", "AAAA", "::1"},
    {"_mta-sts.dead-two.example", "TXT", RECORD},
    {"mta-sts.dead-two.example", "A", "127.0.0.11"},
    {"mta-sts.dead-two.example", "A", "127.0.0.1"},
    {"mta-sts.dead-two.example", "DROP", "AAAA"},
    {"_mta-sts.late-record.example", "DROP", ""},
    {"late-mx.example", "DROP", ""},
    {"_mta-sts.late-address.example", "TXT", RECORD},
    {"mta-sts.late-address.example", "DROP", ""},
    PUBLISHES("late-policy.example"),
    PUBLISHES("invalid.example"),
    PUBLISHES("self.example"),
    PUBLISHES("404.example"),
    {"implicit.example", "TXT", "no MX here"},
    {"null.example", "MX", "0 "},
    {"mixed.example", "MX", "0 "},
    {"mixed.example", "MX", "10 bad host.example"},
    {"mixed.example", "MX", "20 mx.mixed.example"},
    {"no-host-name.example", "MX", "10 bad host.example"},
    {"mx-fails.example", "RCODE", "2"},
    {NULL, NULL, NULL},
};

/* Beside the signed zones of tests/data/dnssec. */
static const struct dns_line beside_tree[] = {
    {"_mta-sts.good.example", "TXT", RECORD},
    {"mta-sts.good.example", "A", "127.0.0.1"},
    {"_25._tcp.mx.good.example", "RCODE", "2"},
    {NULL, NULL, NULL},
};

static const struct https_site sites[] = {
    {.host = "mta-sts.good.example"},
    {.host = "mta-sts.second.example"},
    {.host = "mta-sts.slow-end.example", .manner = HTTPS_LATE},
    {.host = "mta-sts.silent-a.example"},
    {.host = "mta-sts.silent-aaaa.example"},
    {.host = "mta-sts.dead-a.example"},
    {.host = "mta-sts.dead-aaaa.example"},
    {.host = "mta-sts.dead-two.example"},
    {.host = "mta-sts.late-policy.example", .manner = HTTPS_SILENT},
    {.host = "mta-sts.invalid.example",
     .response = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nversion: STSv2\n"},
    {.host = "mta-sts.self.example", .certificate = CERT_SELF_SIGNED},
    {.host = "mta-sts.404.example", .response = "HTTP/1.1 404 No\r\n\r\n"},
    {.host = NULL},
};

struct fixture {
  struct mtasts_net net;
  struct event_base *base;
  struct dns_server dns;
  struct https_authority cached;
  struct https_authority unknown;
  struct https_server https;
  char ca_file[64];
  struct tree *tree;

  /* what the look-up came to */
  struct mtasts_lookup *lookup;
  const struct mtasts_discovery *discovery;
  unsigned calls;
  bool free_in_callback;
  char trace[8192]; /* "SECTION TEXT\n" for each step */
};

static int64_t now(void) {
  return 1800000000;
}

static void set_up(struct fixture *f) {
  static const char *const servers[] = {"127.0.0.1"};
  char error[MTASTS_ERROR_TEXT] = "";
  memset(f, 0, sizeof *f);
  snprintf(f->ca_file, sizeof f->ca_file, "/tmp/mtasts-lookup-XXXXXX");
  close(mkstemp(f->ca_file));
  f->cached = https_authority("Test CA");
  f->unknown = https_authority("Nobody");
  f->base = event_base_new();
  f->net.settings = (struct mtasts_discover_settings){
      .refresh_interval = 86400, .retry_min = 300, .retry_max = 86400};
  f->net.now = now;
  CU_ASSERT_TRUE_FATAL(namespace_enter());
  CU_ASSERT_TRUE_FATAL(dns_start(&f->dns, 53, zone));
  CU_ASSERT_TRUE_FATAL(https_start(&f->https, "127.0.0.1", "::1", sites, &f->cached, &f->unknown));
  CU_ASSERT_TRUE_FATAL(https_write_bundle(&f->cached, f->ca_file));
  bool ok = mtasts_resolver_new(f->base,
                                &(struct mtasts_resolver_options){
                                    .servers = servers, .server_count = 1, .timeout = 2},
                                error, &f->net.resolver) == MTASTS_OK &&
            mtasts_fetcher_new(f->base,
                               &(struct mtasts_fetcher_options){
                                   .ca_file = f->ca_file, .timeout = 2, .allow_private = true},
                               error, &f->net.fetcher) == MTASTS_OK;
  unit_check(ok, "net: %s", error);
  CU_ASSERT_TRUE_FATAL(ok);
}

static void tear_down(struct fixture *f) {
  mtasts_lookup_free(f->lookup);
  mtasts_fetcher_free(f->net.fetcher);
  mtasts_validator_free(f->net.validator);
  mtasts_resolver_free(f->net.resolver);
  event_base_free(f->base);
  https_stop(&f->https);
  dns_stop(&f->dns);
  https_authority_free(&f->cached);
  https_authority_free(&f->unknown);
  unlink(f->ca_file);
  free(f->tree);
}

static void done(void *context, const struct mtasts_discovery *discovery) {
  struct fixture *f = context;
  f->calls++;
  f->discovery = discovery;
  if (f->free_in_callback) {
    mtasts_lookup_free(f->lookup);
    f->lookup = NULL;
  }
  event_base_loopbreak(f->base);
}

static void take_trace(void *context, uint64_t microseconds, const char *section,
                       const char *text) {
  struct fixture *f = context;
  size_t length = strlen(f->trace);
  snprintf(f->trace + length, sizeof f->trace - length, "%s %s\n", section, text);
  unit_check(microseconds < 10000000, "%s: %lu microseconds", text, (unsigned long)microseconds);
}

static void start(struct fixture *f, const char *name, const struct mtasts_entry *cached,
                  bool forced) {
  struct mtasts_domain domain = {.len = strlen(name)};
  memcpy(domain.name, name, domain.len + 1);
  mtasts_lookup_free(f->lookup);
  f->calls = 0;
  f->trace[0] = '\0';
  const struct mtasts_lookup_options options = {&f->net, f->base, &domain,    cached,
                                                forced,  done,    take_trace, f};
  CU_ASSERT_EQUAL_FATAL(mtasts_lookup_start(&options, &f->lookup), MTASTS_OK);
  unit_check(f->calls == 0, "%s: called back from inside the call", name);
}

static const struct mtasts_entry *look_up(struct fixture *f, const char *name,
                                          const struct mtasts_entry *cached, bool forced) {
  start(f, name, cached, forced);
  event_base_dispatch(f->base);
  unit_check(f->calls == 1, "%s: %u answers", name, f->calls);
  return &f->discovery->entry;
}

/* The hosts as "10 mx.example, …". */
static void list_hosts(const struct mtasts_mx_list *list, char *out, size_t size) {
  struct mtasts_mx_host host;
  size_t length = 0;
  out[0] = '\0';
  for (size_t cursor = 0; mtasts_mx_next(list, &cursor, &host);)
    length += (size_t)snprintf(out + length, size - length, "%s%u %.*s", length ? ", " : "",
                               (unsigned)host.preference, (int)host.host.len, host.host.data);
}

static void outcomes(void) {
  static const struct {
    const char *domain;
    enum mtasts_record_state record;
    enum mtasts_error error;
    const char *detail;
    enum mtasts_mx_state mx_state;
    const char *mx;
  } cases[] = {
      {"good.example", MTASTS_RECORD_VALID, MTASTS_ERROR_NONE, "", MTASTS_MX_LISTED,
       "5 mx2.good.example, 10 mx.good.example"},
      {"second.example", MTASTS_RECORD_VALID, MTASTS_ERROR_NONE, "", MTASTS_MX_NXDOMAIN, ""},
      {"refused.example", MTASTS_RECORD_VALID, MTASTS_ERROR_POLICY_FETCH,
       "cannot connect to mta-sts.refused.example: Connection refused", MTASTS_MX_NXDOMAIN, ""},
      {"no-record.example", MTASTS_RECORD_ABSENT, MTASTS_ERROR_NONE, "", MTASTS_MX_LISTED,
       "10 mx.example"},
      {"nowhere.example", MTASTS_RECORD_ABSENT, MTASTS_ERROR_NONE, "", MTASTS_MX_NXDOMAIN, ""},
      {"servfail.example", MTASTS_RECORD_ERROR, MTASTS_ERROR_DNS,
       "TXT _mta-sts.servfail.example: SERVFAIL from the resolver", MTASTS_MX_NXDOMAIN, ""},
      {"escape.example", MTASTS_RECORD_ABSENT, MTASTS_ERROR_NONE, "", MTASTS_MX_NXDOMAIN, ""},
      {"no-address.example", MTASTS_RECORD_VALID, MTASTS_ERROR_POLICY_FETCH,
       "mta-sts.no-address.example has no address", MTASTS_MX_NXDOMAIN, ""},
      {"no-host.example", MTASTS_RECORD_VALID, MTASTS_ERROR_POLICY_FETCH,
       "mta-sts.no-host.example has no address", MTASTS_MX_NXDOMAIN, ""},
      {"address-fails.example", MTASTS_RECORD_VALID, MTASTS_ERROR_POLICY_FETCH, NULL,
       MTASTS_MX_NXDOMAIN, ""},
      {"invalid.example", MTASTS_RECORD_VALID, MTASTS_ERROR_POLICY_INVALID, NULL, MTASTS_MX_LISTED,
       "10 mx.invalid.example"},
      {"self.example", MTASTS_RECORD_VALID, MTASTS_ERROR_WEBPKI_INVALID,
       "certificate of mta-sts.self.example is self-signed", MTASTS_MX_LISTED,
       "10 mx.self.example"},
      {"404.example", MTASTS_RECORD_VALID, MTASTS_ERROR_POLICY_FETCH,
       "HTTP status 404 from mta-sts.404.example", MTASTS_MX_LISTED, "10 mx.404.example"},
      {"implicit.example", MTASTS_RECORD_ABSENT, MTASTS_ERROR_NONE, "", MTASTS_MX_IMPLICIT,
       "0 implicit.example"},
      {"null.example", MTASTS_RECORD_ABSENT, MTASTS_ERROR_NONE, "", MTASTS_MX_NULL, ""},
      {"mixed.example", MTASTS_RECORD_ABSENT, MTASTS_ERROR_NONE, "", MTASTS_MX_LISTED,
       "20 mx.mixed.example"},
      {"no-host-name.example", MTASTS_RECORD_ABSENT, MTASTS_ERROR_NONE, "", MTASTS_MX_ERROR, ""},
      {"mx-fails.example", MTASTS_RECORD_ABSENT, MTASTS_ERROR_NONE, "", MTASTS_MX_ERROR, ""},
      {LONG, MTASTS_RECORD_ABSENT, MTASTS_ERROR_NONE, "", MTASTS_MX_NXDOMAIN, ""},
  };
  struct fixture f;
  char mx[512];
  set_up(&f);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *domain = cases[i].domain;
    const struct mtasts_entry *entry = look_up(&f, domain, NULL, false);
    unit_check(entry->record == cases[i].record, "%s: record %s", domain,
               mtasts_record_state_name(entry->record));
    unit_check(entry->error == cases[i].error, "%s: error %s", domain,
               mtasts_error_name(entry->error));
    char detail[MTASTS_DETAIL_MAX + 1];
    snprintf(detail, sizeof detail, "%.*s", (int)entry->detail.len,
             entry->detail.data ? entry->detail.data : "");
    if (cases[i].detail)
      unit_check(strcmp(detail, cases[i].detail) == 0, "%s: %s", domain, detail);
    unit_check(entry->mx_state == cases[i].mx_state, "%s: MX %s", domain,
               mtasts_mx_state_name(entry->mx_state));
    list_hosts(&entry->mx, mx, sizeof mx);
    unit_check(strcmp(mx, cases[i].mx) == 0, "%s: MX %s", domain, mx);
    bool policy = cases[i].record == MTASTS_RECORD_VALID && cases[i].error == MTASTS_ERROR_NONE;
    unit_check(entry->has_policy == policy, "%s: policy", domain);
  }
  tear_down(&f);
}

/* Is the line among the trace's? */
static bool traced(const struct fixture *f, const char *line) {
  const char *at = strstr(f->trace, line);
  return at && (at == f->trace || at[-1] == '\n') && at[strlen(line)] == '\n';
}

static void traces(void) {
  static const struct {
    const char *domain;
    const char *line;
  } cases[] = {
      {"good.example", "3.1 TXT _mta-sts.good.example: v=STSv1; id=20260101;"},
      {"good.example", "4.1 MX good.example: 5 mx2.good.example, 10 mx.good.example"},
      {"good.example", "3.3 A mta-sts.good.example: 127.0.0.1"},
      {"second.example", "3.3 A mta-sts.second.example: 127.0.0.9"},
      {"second.example", "3.3 AAAA mta-sts.second.example: ::ffff:127.0.0.1"},
      {"second.example", "3.3 HTTPS mta-sts.second.example: 200, 59 bytes, address 127.0.0.1"},
      {"good.example", "3.3 HTTPS mta-sts.good.example: 200, 59 bytes, address 127.0.0.1"},
      {"good.example", "3.2 policy: enforce, 1 mx pattern, max_age 604800"},
      {"nowhere.example", "3.1 TXT _mta-sts.nowhere.example: no such name"},
      {"no-record.example", "3.1 TXT _mta-sts.no-record.example: no such record"},
      {"servfail.example", "3.1 TXT _mta-sts.servfail.example: SERVFAIL from the resolver"},
      {"escape.example", "3.1 TXT _mta-sts.escape.example: \\x1b[2J v=STSv1;\\xff | another"},
      {"404.example", "3.3 HTTPS mta-sts.404.example: HTTP status 404 from mta-sts.404.example, "
                      "address 127.0.0.1"},
      {"null.example", "4.1 MX null.example: takes no mail"},
      {"refused.example", "3.3 AAAA mta-sts.refused.example: SERVFAIL from the resolver"},
  };
  struct fixture f;
  set_up(&f);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    look_up(&f, cases[i].domain, NULL, false);
    unit_check(traced(&f, cases[i].line), "no \"%s\" in:\n%s", cases[i].line, f.trace);
  }
  tear_down(&f);
}

/* One family that is dead, in the DNS or at its address, does not hold up the other. */
static void families(void) {
  static const struct {
    const char *domain;
    const char *address; /* that the policy comes from */
  } cases[] = {
      {"good.example", "127.0.0.1"},        {"silent-a.example", "::1"},
      {"silent-aaaa.example", "127.0.0.1"}, {"dead-a.example", "::1"},
      {"dead-aaaa.example", "::1"},         {"dead-two.example", "127.0.0.1"},
  };
  struct fixture f;
  struct deaf_server ipv4;
  struct deaf_server ipv6;
  char line[256];
  set_up(&f);
  CU_ASSERT_TRUE_FATAL(namespace_ipv6("::1:9"));
  CU_ASSERT_TRUE_FATAL(deaf_start(&ipv4, "127.0.0.11", DEAF_SILENT));
  CU_ASSERT_TRUE_FATAL(deaf_start(&ipv6, "::1:9", DEAF_SILENT));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct mtasts_entry *entry = look_up(&f, cases[i].domain, NULL, false);
    unit_check(entry->has_policy, "%s: %.*s", cases[i].domain, (int)entry->detail.len,
               entry->detail.data ? entry->detail.data : "");
    snprintf(line, sizeof line, "3.3 HTTPS mta-sts.%s: 200, 59 bytes, address %s", cases[i].domain,
             cases[i].address);
    unit_check(traced(&f, line), "no \"%s\" in:\n%s", line, f.trace);
  }
  deaf_stop(&ipv4);
  deaf_stop(&ipv6);
  tear_down(&f);
}

/* The second family is asked for only if the first does not answer at once. */
static void one_question(void) {
  static const char *const names[] = {"good.example", "slow-end.example"};
  enum {
    AAAA = 28,
    TRIES = 20 /* of a machine that is busy */
  };
  for (size_t n = 0; n < 2; n++) {
    struct fixture f;
    bool spared = false;
    set_up(&f);
    for (int i = 0; i < TRIES && !spared; i++) {
      unsigned before = f.dns.asked[AAAA];
      look_up(&f, names[n], NULL, true);
      spared = f.dns.asked[AAAA] == before;
    }
    unit_check(spared, "%s", names[n]);
    tear_down(&f);
  }
}

static void open_validator(struct fixture *f) {
  static const char *const servers[] = {"127.0.0.1"};
  const struct mtasts_validator_options options = {
      .resolver = {.servers = servers,
                   .server_count = 1,
                   .timeout = 2,
                   .trust_anchor = "tests/data/dnssec/root.key"},
      .plain = f->net.resolver};
  mtasts_validator_free(f->net.validator);
  CU_ASSERT_EQUAL_FATAL(mtasts_validator_new(f->base, &options, &f->net.validator), MTASTS_OK);
}

static void set_up_dane(struct fixture *f) {
  f->tree = tree_load("tests/data/dnssec/tree.txt");
  CU_ASSERT_PTR_NOT_NULL_FATAL(f->tree);
  f->dns.tree = f->tree;
  f->dns.zone = beside_tree;
  f->net.settings.dane = true;
  open_validator(f);
}

static void danes(void) {
  static const struct {
    const char *domain;
    const char *detail; /* begins with */
    const char *line;   /* of the trace */
    int64_t expires;    /* from now */
    enum mtasts_mx_state mx_state;
    enum mtasts_dane dane;
    enum mtasts_error error;
    bool strips;
  } cases[] = {
      {"good.example", "", "RFC 7672 2.2 DANE good.example: usable", 300, MTASTS_MX_LISTED,
       MTASTS_DANE_USABLE, MTASTS_ERROR_NONE, false},
      {"good.example", "", "RFC 7672 2.2.1 MX good.example: secure", 300, MTASTS_MX_LISTED,
       MTASTS_DANE_USABLE, MTASTS_ERROR_NONE, false},
      {"good.example", "",
       "RFC 7672 2.2.3 TLSA _25._tcp.mx.good.example: SERVFAIL from the resolver: not to be used",
       300, MTASTS_MX_LISTED, MTASTS_DANE_USABLE, MTASTS_ERROR_NONE, false},
      {"implicit.example", "",
       "RFC 7672 3.1 TLSA _25._tcp.implicit.example: 3 1 1, 32 bytes, usable", 3600,
       MTASTS_MX_IMPLICIT, MTASTS_DANE_USABLE, MTASTS_ERROR_NONE, false},
      {"null.example", "", "RFC 7672 2.2.1 MX null.example: secure", 3600, MTASTS_MX_NULL,
       MTASTS_DANE_NONE, MTASTS_ERROR_NONE, false},
      {"nowhere.good.example", "", "4.1 MX nowhere.good.example: no such name", 300,
       MTASTS_MX_NXDOMAIN, MTASTS_DANE_NONE, MTASTS_ERROR_NONE, false},
      {"mail.alias.example", "", "RFC 7672 2.2 DANE mail.alias.example: usable", 300,
       MTASTS_MX_LISTED, MTASTS_DANE_USABLE, MTASTS_ERROR_NONE, false},
      {"outside.example", "", "RFC 7672 2.2.2 A mx.unsigned.example: insecure, 1 record: no DANE",
       3600, MTASTS_MX_LISTED, MTASTS_DANE_NONE, MTASTS_ERROR_NONE, false},
      {"unsigned.example", "", "RFC 7672 2.2.1 MX unsigned.example: insecure, unsigned: no DANE",
       3600, MTASTS_MX_LISTED, MTASTS_DANE_NONE, MTASTS_ERROR_NONE, false},
      {"secure.unsigned.example", "",
       "RFC 7672 2.2.1 MX secure.unsigned.example: insecure, unsigned: no DANE", 3600,
       MTASTS_MX_LISTED, MTASTS_DANE_NONE, MTASTS_ERROR_NONE, false},
      {"badsig.example",
       "MX badsig.example: ", "RFC 7672 2.2.1 MX badsig.example: bogus: mail is deferred", 60,
       MTASTS_MX_ERROR, MTASTS_DANE_BOGUS, MTASTS_ERROR_DNSSEC, false},
      {"expired.example",
       "MX expired.example: ", "RFC 7672 2.2.1 MX expired.example: bogus: mail is deferred", 60,
       MTASTS_MX_ERROR, MTASTS_DANE_BOGUS, MTASTS_ERROR_DNSSEC, false},
      {"good.example", "", "RFC 7672 2.2.1 MX good.example: not validated: DANE is not known", 600,
       MTASTS_MX_LISTED, MTASTS_DANE_UNKNOWN, MTASTS_ERROR_NONE, true},
  };
  struct fixture f;
  set_up(&f);
  set_up_dane(&f);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *domain = cases[i].domain;
    if (cases[i].strips) {
      /* From before its first check. */
      f.dns.strips = true;
      open_validator(&f);
    }
    const struct mtasts_entry *entry = look_up(&f, domain, NULL, false);
    unit_check(entry->mx_state == cases[i].mx_state && entry->dane == cases[i].dane &&
                   entry->dane_expires == now() + cases[i].expires,
               "%s: MX %s, DANE %d for %ld s", domain, mtasts_mx_state_name(entry->mx_state),
               entry->dane, (long)(entry->dane_expires - now()));
    unit_check(entry->error == cases[i].error && entry->detail.len >= strlen(cases[i].detail) &&
                   (!*cases[i].detail ||
                    memcmp(entry->detail.data, cases[i].detail, strlen(cases[i].detail)) == 0),
               "%s: %s: %.*s", domain, mtasts_error_name(entry->error), (int)entry->detail.len,
               entry->detail.data ? entry->detail.data : "");
    unit_check(entry->has_policy == (strcmp(domain, "good.example") == 0), "%s: policy", domain);
    unit_check(traced(&f, cases[i].line), "no \"%s\" in:\n%s", cases[i].line, f.trace);
  }
  tear_down(&f);
}

/* What is not answered when the time of the whole look-up is over has failed. */
static void deadlines(void) {
  static const struct {
    const char *domain;
    const char *detail; /* begins with */
    enum mtasts_record_state record;
    enum mtasts_error error;
    enum mtasts_mx_state mx_state;
  } cases[] = {
      {"late-record.example", "TXT _mta-sts.late-record.example: given up after ",
       MTASTS_RECORD_ERROR, MTASTS_ERROR_DNS, MTASTS_MX_NXDOMAIN},
      {"late-mx.example", "", MTASTS_RECORD_ABSENT, MTASTS_ERROR_NONE, MTASTS_MX_ERROR},
      {"late-address.example", "mta-sts.late-address.example: given up after ", MTASTS_RECORD_VALID,
       MTASTS_ERROR_POLICY_FETCH, MTASTS_MX_NXDOMAIN},
      {"late-policy.example", "mta-sts.late-policy.example: given up after ", MTASTS_RECORD_VALID,
       MTASTS_ERROR_POLICY_FETCH, MTASTS_MX_LISTED},
  };
  struct fixture f;
  set_up(&f);
  f.net.deadline = 1;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *domain = cases[i].domain;
    const struct mtasts_entry *entry = look_up(&f, domain, NULL, false);
    unit_check(entry->record == cases[i].record && entry->error == cases[i].error &&
                   entry->mx_state == cases[i].mx_state,
               "%s: record %s, error %s, MX %s", domain, mtasts_record_state_name(entry->record),
               mtasts_error_name(entry->error), mtasts_mx_state_name(entry->mx_state));
    unit_check(entry->detail.len >= strlen(cases[i].detail) &&
                   (!*cases[i].detail ||
                    memcmp(entry->detail.data, cases[i].detail, strlen(cases[i].detail)) == 0),
               "%s: %.*s", domain, (int)entry->detail.len,
               entry->detail.data ? entry->detail.data : "");
  }
  tear_down(&f);
}

/* At each of its steps; DANE that is not known by then holds mail back. */
static void expired(void) {
  struct fixture f;
  set_up(&f);
  set_up_dane(&f);
  for (unsigned turns = 0; turns < 60; turns++) {
    start(&f, "good.example", NULL, false);
    for (unsigned i = 0; i < turns && f.calls == 0; i++)
      event_base_loop(f.base, EVLOOP_ONCE);
    bool early = f.calls == 0;
    if (early) {
      mtasts_lookup_expire(f.lookup);
      mtasts_lookup_expire(f.lookup);
      CU_ASSERT_EQUAL(f.calls, 0);
      event_base_dispatch(f.base);
    }
    const struct mtasts_entry *entry = &f.discovery->entry;
    unit_check(f.calls == 1, "after %u turns: %u answers", turns, f.calls);
    unit_check(entry->dane != MTASTS_DANE_NONE, "after %u turns: no DANE", turns);
    unit_check(early || entry->has_policy, "after %u turns: no policy", turns);
  }
  tear_down(&f);
}

static void cached(void) {
  struct fixture f;
  set_up(&f);
  struct mtasts_entry first = *look_up(&f, "good.example", NULL, false);
  unsigned char patterns[64];
  memcpy(patterns, first.policy.mx.data, first.policy.mx.size);
  first.policy.mx.data = patterns;
  first.mx = (struct mtasts_mx_list){NULL, 0, 0};
  unsigned queries = f.dns.queries;

  start(&f, "good.example", &first, false);
  memset(patterns, 0, sizeof patterns); /* it was copied */
  event_base_dispatch(f.base);
  CU_ASSERT_EQUAL(f.calls, 1);
  CU_ASSERT_EQUAL(f.dns.queries, queries);
  CU_ASSERT_STRING_EQUAL(f.trace, "");
  CU_ASSERT_FALSE(f.discovery->changed);
  CU_ASSERT_PTR_NOT_NULL(
      mtasts_mx_match(&f.discovery->entry.policy.mx, (struct mtasts_span){"a.example", 9}).data);

  unsigned connections = f.https.connections;
  look_up(&f, "good.example", &first, true);
  CU_ASSERT_TRUE(f.dns.queries >= queries + 3);
  CU_ASSERT_EQUAL(f.https.connections, connections + 1);
  tear_down(&f);
}

static void freed_with(bool dane) {
  struct fixture f;
  set_up(&f);
  if (dane)
    set_up_dane(&f);
  f.free_in_callback = true;
  look_up(&f, "good.example", NULL, false);
  CU_ASSERT_PTR_NULL(f.lookup);
  f.free_in_callback = false;
  /* Freed in each of its steps. */
  for (unsigned turns = 0; turns < 40; turns++) {
    start(&f, "good.example", NULL, false);
    for (unsigned i = 0; i < turns && f.calls == 0; i++)
      event_base_loop(f.base, EVLOOP_ONCE);
    mtasts_lookup_free(f.lookup);
    f.lookup = NULL;
    unsigned calls = f.calls;
    event_base_loop(f.base, EVLOOP_NONBLOCK);
    CU_ASSERT_EQUAL(f.calls, calls);
  }
  start(&f, "good.example", NULL, false);
  event_base_loop(f.base, EVLOOP_ONCE);
  tear_down(&f); /* in flight */
  CU_ASSERT_EQUAL(f.calls, 0);
}

static void freed(void) {
  freed_with(false);
  freed_with(true);
}

const char *const unit_name = "net/lookup";
const struct unit_test unit_tests[] = {
    {"each way to publish comes to its entry", outcomes},
    {"the trace reports each step", traces},
    {"a dead family of addresses does not hold up the other", families},
    {"one family that answers costs one question", one_question},
    {"DANE comes of it, or why not", danes},
    {"a look-up as a whole has a deadline", deadlines},
    {"a look-up may expire at any time", expired},
    {"what is known and fresh asks no server; forced asks for all", cached},
    {"a look-up may be freed at any time", freed},
    {NULL, NULL},
};
