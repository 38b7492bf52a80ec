#include "netloop_fixture.h"

#include <sys/mount.h>

#include "dns_message.h"
#include "dns_server.h"

const char *const unit_name = "daemon/dns_watch";

static const struct dns_line silent_zone[] = {
    {"*", "DROP", ""}, {"", "DROP", ""}, {NULL, NULL, NULL}};

/* All names, the root too. */
static void silence(struct dns_server *server, bool silent) {
  atomic_store(&server->zone, silent ? silent_zone : zone);
}

static void give_configuration(struct fixture *fixture, const char *servers, const char *dnssec) {
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_CONFIGURE);
  fixture->servers = servers;
  fixture->dnssec = dnssec;
  job->snapshot = configuration(fixture, 4);
  mtasts_queue_give(&fixture->inbox, job);
}

static bool comes_to_be_logged(const struct fixture *fixture, const char *words, int seconds) {
  for (int i = 0; i < 50 * seconds && logged(fixture, words) == 0; i++)
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  return logged(fixture, words) > 0;
}

static void check_comes(const struct fixture *fixture, const char *words, int seconds) {
  unit_check(comes_to_be_logged(fixture, words, seconds), "not in the log: %s", words);
}

/* The waits that an outage caused end in the loop's next round: asked until then. */
static void check_found(struct fixture *fixture, const char *domain) {
  struct mtasts_entry entry = ask(fixture, MTASTS_JOB_LOOK_UP, domain);
  for (int i = 0; i < 500 && !entry.has_policy; i++) {
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    entry = ask(fixture, MTASTS_JOB_LOOK_UP, domain);
  }
  CU_ASSERT_TRUE(entry.has_policy);
}

static bool second_server(struct dns_server *server) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};
  inet_pton(AF_INET, GLOBAL_ADDRESS, &address.sin_addr);
  return dns_serve(server, (const struct sockaddr *)&address, sizeof address, zone);
}

/* What was asked while the resolver was away is found as soon as it is back. */
static void outage(void) {
  struct fixture *fixture = fixture_up(4);
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "none.example").record, MTASTS_RECORD_ABSENT);
  CU_ASSERT_TRUE(atomic_load(&fixture->stats.resolver_back) > 0); /* it works at all */
  silence(&fixture->dns, true);
  struct mtasts_entry entry = ask(fixture, MTASTS_JOB_LOOK_UP, "good.example");
  CU_ASSERT_EQUAL(entry.record, MTASTS_RECORD_ERROR);
  check_comes(fixture, "dns=broken servers=127.0.0.1@53 detail=\"NS .: no answer in ", 20);
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "other.example").record, MTASTS_RECORD_ERROR);
  check_logged(fixture, 1, "dns=broken");
  check_logged(fixture, 0, "dns=works");
  CU_ASSERT_TRUE(atomic_load(&fixture->stats.dns_fails));
  int64_t lost = time(NULL);
  silence(&fixture->dns, false);
  check_comes(fixture, "dns=works servers=127.0.0.1@53 after=", 20);
  CU_ASSERT_TRUE(atomic_load(&fixture->stats.resolver_back) >= lost);
  CU_ASSERT_FALSE(atomic_load(&fixture->stats.dns_fails));
  check_found(fixture, "good.example");
  /* A domain that fails by itself makes no outage, and is remembered: in a later second than the
   * end of the outage, which ends the waits from before it. */
  while (time(NULL) <= atomic_load(&fixture->stats.resolver_back) + 1)
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "servfail.example").record, MTASTS_RECORD_ERROR);
  unsigned queries = fixture->dns.asked[MTASTS_RR_TXT];
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "servfail.example").record, MTASTS_RECORD_ERROR);
  CU_ASSERT_EQUAL(fixture->dns.asked[MTASTS_RR_TXT], queries);
  check_logged(fixture, 1, "dns=broken");
  end(fixture);
}

/* Look-ups that are waiting for servers of before go on with the new ones. */
static void other_servers(void) {
  struct fixture *fixture = prepare();
  struct dns_server second;
  fixture->dns_timeout = 20;
  start(fixture, 4);
  CU_ASSERT_TRUE_FATAL(second_server(&second));
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "none.example").record, MTASTS_RECORD_ABSENT);
  silence(&fixture->dns, true);
  unsigned before = atomic_load(&fixture->dns.queries);
  give(fixture, MTASTS_JOB_LOOK_UP, "good.example", true, 1);
  give(fixture, MTASTS_JOB_REFRESH, "none.example", true, 2);
  for (int i = 0; i < 500 && atomic_load(&fixture->dns.queries) < before + 2; i++)
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  give_configuration(fixture, "servers = {\"" GLOBAL_ADDRESS "\"}", "dnssec = \"off\"");
  for (unsigned i = 0; i < 2; i++) {
    struct mtasts_job *job = take(fixture, 5000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    struct mtasts_entry entry = entry_of(job);
    unit_check(entry.record != MTASTS_RECORD_ERROR, "%s: fails", job->domain.name);
    mtasts_job_free(job);
  }
  check_logged(fixture, 1, "dns servers=" GLOBAL_ADDRESS "@53 was_servers=127.0.0.1@53");
  /* The same section again changes nothing. */
  give_configuration(fixture, "servers = {\"" GLOBAL_ADDRESS "\"}", "dnssec = \"off\"");
  ask(fixture, MTASTS_JOB_LOOK_UP, "another.example");
  check_logged(fixture, 1, "dns servers=");
  end(fixture);
  dns_stop(&second);
}

static void dnssec_on_and_off(void) {
  struct tree *tree = tree_load("tests/data/dnssec/tree.txt");
  CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
  char *anchor = realpath("tests/data/dnssec/root.key", NULL);
  char dnssec[512];
  CU_ASSERT_PTR_NOT_NULL_FATAL(anchor);
  snprintf(dnssec, sizeof dnssec, "dnssec = \"auto\"\n trust_anchor = \"%s\"", anchor);
  free(anchor);
  struct fixture *fixture = prepare();
  atomic_store(&fixture->dns.tree, tree);
  start(fixture, 4);
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "implicit.example").dane_expires, 0);
  CU_ASSERT_EQUAL(fixture->dns.asked[MTASTS_RR_DNSKEY], 0);
  give_configuration(fixture, fixture->servers, dnssec);
  CU_ASSERT_TRUE(ask(fixture, MTASTS_JOB_LOOK_UP, "implicit.example").dane_expires > 0);
  CU_ASSERT_TRUE(fixture->dns.asked[MTASTS_RR_DNSKEY] > 0);
  check_logged(fixture, 0, "dnssec=");
  give_configuration(fixture, fixture->servers, "dnssec = \"off\"");
  unsigned keys = fixture->dns.asked[MTASTS_RR_DNSKEY];
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "unsigned.example").dane_expires, 0);
  CU_ASSERT_EQUAL(fixture->dns.asked[MTASTS_RR_DNSKEY], keys);
  end(fixture);
  free(tree);
}

/* No server is known: cached entries still answer. */
static void no_server(void) {
  struct fixture *fixture = prepare();
  struct sample sample;
  fixture->servers = "servers = {\"fe80::53%nowhere0\"}";
  start(fixture, 4);
  CU_ASSERT_EQUAL(import(fixture, "cached.example", aged(&sample, MTASTS_MODE_ENFORCE, 86400, 100)),
                  MTASTS_OK);
  CU_ASSERT_TRUE(ask(fixture, MTASTS_JOB_LOOK_UP, "cached.example").has_policy);
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "good.example").record, MTASTS_RECORD_ERROR);
  check_logged(fixture, 1,
               "dns: DNS server fe80::53%nowhere0 cannot be asked: this machine has no such "
               "interface");
  check_comes(fixture, "dns=broken servers=none", 20);
  give_configuration(fixture, "servers = {\"127.0.0.1\"}", "dnssec = \"off\"");
  check_comes(fixture, "dns=works servers=127.0.0.1@53", 20);
  check_found(fixture, "good.example");
  check_logged(fixture, 1, "dns=broken");
  end(fixture);
}

/* A file of ours in the place of resolv.conf, in a mount namespace of the test. In a chroot that is
 * no mount point it could be seen outside, so there is none. */
static bool hide_resolvconf(const char *path) {
  return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount(path, MTASTS_RESOLVCONF, NULL, MS_BIND, NULL) == 0;
}

static void write_resolvconf(const char *text) {
  FILE *file = fopen(MTASTS_RESOLVCONF, "we");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs(text, file);
  fclose(file);
}

static void resolvconf(void) {
  char path[] = "/tmp/mtasts-resolvconf-XXXXXX";
  struct dns_server second;
  int fd = mkstemp(path);
  CU_ASSERT_TRUE_FATAL(fd >= 0 && namespace_enter());
  if (!hide_resolvconf(path)) {
    unit_skip("no file may be mounted over %s", MTASTS_RESOLVCONF);
    close(fd);
    unlink(path);
    return;
  }
  struct fixture *fixture = prepare();
  CU_ASSERT_TRUE_FATAL(second_server(&second));
  silence(&fixture->dns, true);
  fixture->servers = ""; /* those of resolv.conf, which is empty: 127.0.0.1 */
  start(fixture, 4);
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "good.example").record, MTASTS_RECORD_ERROR);
  write_resolvconf("nameserver " GLOBAL_ADDRESS "\n");
  check_comes(fixture, "dns servers=" GLOBAL_ADDRESS "@53 was_servers=127.0.0.1@53", 20);
  check_comes(fixture, "dns=works", 20);
  check_found(fixture, "good.example");
  write_resolvconf("# once more\nnameserver " GLOBAL_ADDRESS "\nsearch example\n");
  sleep(3);
  check_logged(fixture, 1, "dns servers="); /* they are the same */
  end(fixture);
  dns_stop(&second);
  umount(MTASTS_RESOLVCONF);
  close(fd);
  unlink(path);
}

const struct unit_test unit_tests[] = {
    {"an outage is reported, and ends the waits that it caused", outage},
    {"other servers by a reload, also for what is in the air", other_servers},
    {"DNSSEC by a reload", dnssec_on_and_off},
    {"without a server that can be asked, all goes on", no_server},
    {"other servers in resolv.conf", resolvconf},
    {NULL, NULL},
};
