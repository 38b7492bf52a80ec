/* Faults of this host's, from the network to the verdict: never `none`. */
#include "netloop_fixture.h"

#include "../net/deaf.h"
#include "dns_message.h"

const char *const unit_name = "daemon/local_fault";

#define NO_ROUTE "203.0.113.5"

static const struct dns_line fault_zone[] = {PUBLISHES("good.example", "20260101"),
                                             {"_mta-sts.far.example", "TXT", RECORD("1")},
                                             {"mta-sts.far.example", "A", NO_ROUTE},
                                             {"_mta-sts.both.example", "TXT", RECORD("1")},
                                             {"mta-sts.both.example", "A", NO_ROUTE},
                                             {"mta-sts.both.example", "A", "127.0.0.9"},
                                             {"_mta-sts.refused.example", "TXT", RECORD("1")},
                                             {"mta-sts.refused.example", "A", "127.0.0.9"},
                                             {"*.silent.example", "DROP", ""},
                                             {NULL, NULL, NULL}};
static const struct dns_line silent_zone[] = {
    {"*", "DROP", ""}, {"", "DROP", ""}, {NULL, NULL, NULL}};
static const struct dns_line failing_zone[] = {{"*", "RCODE", "2"}, {NULL, NULL, NULL}};

static struct fixture *fault_fixture(const char *servers, unsigned https_timeout,
                                     unsigned deadline) {
  struct fixture *fixture = prepare();
  atomic_store(&fixture->dns.zone, fault_zone);
  fixture->dns_timeout = 3;
  fixture->https_timeout = https_timeout;
  fixture->deadline = deadline;
  if (servers)
    fixture->servers = servers;
  start(fixture, 8);
  return fixture;
}

static struct fixture *usual_fixture(const char *servers) {
  return fault_fixture(servers, 2, 20);
}

/* Checks the verdict of a first contact, and that of the entry read from the cache. */
static void check(struct fixture *fixture, const char *name, enum mtasts_verdict verdict) {
  struct mtasts_entry entry = ask(fixture, MTASTS_JOB_LOOK_UP, name);
  struct mtasts_domain key = domain("%s", name);
  enum mtasts_verdict first = mtasts_decide(&entry, NULL, answer->freshness, time(NULL)).verdict;
  unit_check(first == verdict, "%s: %s, not %s: %.*s", name, mtasts_verdict_name(first),
             mtasts_verdict_name(verdict), (int)entry.detail.len,
             entry.detail.data ? entry.detail.data : "");
  CU_ASSERT_EQUAL(mtasts_reader_get(fixture->reader, &key, &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_decide(&entry, NULL, MTASTS_CACHED, time(NULL)).verdict, verdict);
}

/* A name server of the domain's that answers nothing, and a resolver that answers nothing. */
static void silence(void) {
  struct fixture *fixture = usual_fixture(NULL);
  check(fixture, "a.silent.example", MTASTS_VERDICT_NONE);
  atomic_store(&fixture->dns.zone, silent_zone);
  check(fixture, "b.silent.example", MTASTS_VERDICT_UNKNOWN);
  check(fixture, "good.example", MTASTS_VERDICT_UNKNOWN);
  end(fixture);
}

/* A resolver that has lost its own way out says so for all names. */
static void failing_resolver(void) {
  struct fixture *fixture = usual_fixture(NULL);
  char name[32];
  atomic_store(&fixture->dns.zone, failing_zone);
  for (unsigned i = 0; i < 8; i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    ask(fixture, MTASTS_JOB_LOOK_UP, name);
  }
  for (int i = 0; i < 100 && !fixture->stats.dns_fails; i++)
    usleep(50000);
  usleep(1500000); /* it is looked at once a second */
  check(fixture, "later.example", MTASTS_VERDICT_UNKNOWN);
  end(fixture);
}

static void no_route(void) {
  struct fixture *fixture = usual_fixture(NULL);
  /* An owner may publish an address that no network has. */
  check(fixture, "far.example", MTASTS_VERDICT_NONE);
  check(fixture, "both.example", MTASTS_VERDICT_NONE);
  check(fixture, "refused.example", MTASTS_VERDICT_NONE);
  end(fixture);
  fixture = usual_fixture("servers = {\"203.0.113.53\"}");
  check(fixture, "good.example", MTASTS_VERDICT_UNKNOWN);
  end(fixture);
}

/* Whether the fetch ends first or the look-up as a whole. */
static void without_descriptors(unsigned https_timeout, unsigned deadline) {
  struct fixture *fixture = fault_fixture(NULL, https_timeout, deadline);
  struct rlimit limit;
  ask(fixture, MTASTS_JOB_LOOK_UP, "refused.example"); /* all that is opened once is open */
  CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
  struct rlimit none = {.rlim_cur = 1, .rlim_max = limit.rlim_max};
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
  struct mtasts_entry entry = ask(fixture, MTASTS_JOB_LOOK_UP, "good.example");
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
  CU_ASSERT_EQUAL(mtasts_decide(&entry, NULL, answer->freshness, time(NULL)).verdict,
                  MTASTS_VERDICT_UNKNOWN);
  CU_ASSERT_EQUAL(entry.failures, 1);
  CU_ASSERT_TRUE(ask(fixture, MTASTS_JOB_REFRESH, "good.example").has_policy);
  end(fixture);
}

static void no_descriptors(void) {
  without_descriptors(2, 20);
  without_descriptors(60, 3);
}

/* A proxy is of this host's side. Whether the fetch ends first or the look-up as a whole. */
static void without_proxy(enum deaf_manner manner, unsigned https_timeout, unsigned deadline) {
  struct deaf_server proxy;
  struct fixture *fixture = prepare();
  atomic_store(&fixture->dns.zone, fault_zone);
  fixture->https_timeout = https_timeout;
  fixture->deadline = deadline;
  fixture->proxy = "proxy = \"http://127.0.0.9:443\"";
  start(fixture, 8);
  CU_ASSERT_TRUE_FATAL(deaf_start(&proxy, "127.0.0.9", manner));
  check(fixture, "good.example", MTASTS_VERDICT_UNKNOWN);
  deaf_stop(&proxy);
  check(fixture, "refused.example", MTASTS_VERDICT_UNKNOWN);
  end(fixture);
}

static void no_proxy(void) {
  without_proxy(DEAF_SILENT, 2, 20);
  without_proxy(DEAF_MUTE, 60, 3);
  without_proxy(DEAF_RESETS, 2, 20);
}

const struct unit_test unit_tests[] = {
    {"silence of a domain's servers, and of the resolver", silence},
    {"a resolver that fails for all names", failing_resolver},
    {"no network on the way", no_route},
    {"no descriptors", no_descriptors},
    {"a proxy that is silent or away", no_proxy},
    {NULL, NULL},
};
