#include "insecure_zones.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "namespace.h"
#include "resolver.h"
#include "scripted_dns.h"
#include "unit.h"

const char *const unit_name = "net/insecure_zones";

static const char *const servers[] = {"127.0.0.1@5300"};
/* With one that is known, and one twice. */
static const char *const own[] = {"office.good.example", "KÖLN.example.", "internal",
                                  "office.good.example"};

/* What only the site's own resolver knows, unsigned. */
static const char *const names[] = {
    "smtp.internal",
    "a.b.internal",
    "internal",
    "mail.intranet",
    "mail.private",
    "mail.corp",
    "mail.home",
    "nas.lan",
    "nas.local",
    "nas.alt",
    "nas.home.arpa",
    "1.0.0.10.in-addr.arpa",
    "1.2.168.192.in-addr.arpa",
    "1.0.31.172.in-addr.arpa",
    "1.d.f.ip6.arpa",
    "office.good.example",
    "mx.office.good.example",
    "mail.xn--kln-sna.example",
};

struct result {
  struct event_base *base;
  enum mtasts_dns_status outcome;
  enum mtasts_security security;
  size_t count;
  char detail[MTASTS_DETAIL_MAX + 1];
};

static void take(void *context, const struct mtasts_dns_answer *answer) {
  struct result *result = context;
  result->outcome = answer->outcome;
  result->security = answer->security;
  result->count = answer->outcome == MTASTS_DNS_FAILED ? 0 : answer->message.count;
  snprintf(result->detail, sizeof result->detail, "%s", answer->detail);
  event_base_loopbreak(result->base);
}

static struct result ask(struct event_base *base, struct mtasts_resolver *resolver,
                         const char *name) {
  struct result result = {.base = base};
  struct mtasts_dns_query *query;
  CU_ASSERT_EQUAL_FATAL(mtasts_resolver_ask(resolver, name, MTASTS_RR_MX, take, &result, &query),
                        MTASTS_OK);
  event_base_dispatch(base);
  return result;
}

/* The site's resolver is asked for each, and what it says counts, as insecure; elsewhere what is
 * not signed is bogus still. */
static void reach(const char *anchor, enum mtasts_security security) {
  enum {
    COUNT = sizeof names / sizeof *names
  };
  struct dns_line zone[COUNT + 3] = {{"mail.good.example", "MX", "10 mx.example"},
                                     {"mail.test", "MX", "10 mx.example"}};
  struct mtasts_resolver_options options = {.servers = servers,
                                            .server_count = 1,
                                            .timeout = 5,
                                            .trust_anchor = anchor,
                                            .insecure = own,
                                            .insecure_count = sizeof own / sizeof *own};
  struct event_base *base = event_base_new();
  struct mtasts_resolver *resolver = NULL;
  struct dns_server server;
  char error[MTASTS_ERROR_TEXT] = "";
  struct tree *tree = tree_load("tests/data/dnssec/tree.txt");
  for (size_t i = 0; i < COUNT; i++)
    zone[i + 2] = (struct dns_line){names[i], "MX", "10 mx.example"};
  memset(&server, 0, sizeof server);
  CU_ASSERT_TRUE_FATAL(tree && base && namespace_enter() && dns_start(&server, 5300, zone));
  server.tree = tree;
  enum mtasts_status status = mtasts_resolver_new(base, &options, error, &resolver);
  unit_check(status == MTASTS_OK, "resolver: %s", error);
  CU_ASSERT_EQUAL_FATAL(status, MTASTS_OK);
  for (size_t i = 0; i < COUNT + 2; i++) {
    bool exempt = i >= 2;
    struct result result = ask(base, resolver, zone[i].name);
    unit_check(exempt || !anchor ? result.outcome == MTASTS_DNS_ANSWER && result.count == 1 &&
                                       result.security == security
                                 : result.outcome == MTASTS_DNS_BOGUS,
               "%s: outcome %d, security %d: %s", zone[i].name, result.outcome, result.security,
               result.detail);
  }
  mtasts_resolver_free(resolver);
  event_base_free(base);
  dns_stop(&server);
  free(tree);
}

static void validated(void) {
  reach("tests/data/dnssec/root.key", MTASTS_SECURITY_INSECURE);
}

static void plain(void) {
  reach(NULL, MTASTS_SECURITY_UNKNOWN);
}

static void refused(void) {
  static const char *const bad[] = {"", ".", "a b", "x\"\n  do-ip4: no", ".internal", "192.0.2.1"};
  int file = memfd_create("insecure", MFD_CLOEXEC);
  CU_ASSERT_TRUE_FATAL(file >= 0);
  CU_ASSERT_TRUE(mtasts_insecure_zones_write(file, NULL, 0));
  CU_ASSERT_TRUE(mtasts_insecure_zones_write(file, own, 2));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    unit_check(!mtasts_insecure_zones_write(file, &bad[i], 1), "taken: %s", bad[i]);
  close(file);
}

const struct unit_test unit_tests[] = {
    {"the site's zones are asked for and exempt", validated},
    {"and asked for if nothing is validated", plain},
    {"what is no zone is refused", refused},
    {NULL, NULL},
};
