/* A CA bundle that is replaced counts soon, or at once if that is asked for; one that is missing or
 * half-written never takes the place of a good one, nor costs a policy host a fault. */
#include "ca_bundle.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "fetch.h"
#include "namespace.h"
#include "scripted_https.h"
#include "unit.h"

const char *const unit_name = "net/ca_bundle";

static time_t
    skew; /* seconds that the monotonic clock is ahead, so that no test waits for a check */

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (clock == CLOCK_MONOTONIC)
    now->tv_sec += skew;
  return result;
}

static struct {
  char directory[32];
  char path[64];
  struct https_authority old, new;
  char words[MTASTS_CA_BUNDLE_TEXT];
} site;

static void fixture_up(void) {
  snprintf(site.directory, sizeof site.directory, "/tmp/mtasts-trust-XXXXXX");
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(site.directory));
  snprintf(site.path, sizeof site.path, "%s/ca.pem", site.directory);
  site.old = https_authority("Old CA");
  site.new = https_authority("New CA");
  CU_ASSERT_TRUE_FATAL(https_write_bundle(&site.old, site.path));
}

static void fixture_down(void) {
  https_authority_free(&site.old);
  https_authority_free(&site.new);
  unlink(site.path);
  CU_ASSERT_EQUAL(rmdir(site.directory), 0);
}

/* As update-ca-certificates does it. */
static void replace(const struct https_authority *authority) {
  char other[80];
  snprintf(other, sizeof other, "%s.new", site.path);
  CU_ASSERT_TRUE_FATAL(https_write_bundle(authority, other));
  CU_ASSERT_EQUAL(rename(other, site.path), 0);
}

/* Writes both certificates without their last `missing` bytes. */
static void write_cut(long missing) {
  FILE *file = fopen(site.path, "we");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  PEM_write_X509(file, site.old.certificate);
  PEM_write_X509(file, site.new.certificate);
  long size = ftell(file);
  fclose(file);
  CU_ASSERT_EQUAL(truncate(site.path, size - missing), 0);
}

static enum mtasts_ca_bundle_change look(struct mtasts_ca_bundle *trust, bool at_once) {
  site.words[0] = '\0';
  return mtasts_ca_bundle_look(trust, at_once, site.words);
}

static struct mtasts_ca_bundle *trust_new(void) {
  struct mtasts_ca_bundle *trust = NULL;
  CU_ASSERT_EQUAL_FATAL(mtasts_ca_bundle_new(site.path, site.words, &trust), MTASTS_OK);
  return trust;
}

static void replaced(void) {
  fixture_up();
  struct mtasts_ca_bundle *trust = trust_new();
  X509_STORE *first = mtasts_ca_bundle_store(trust);
  CU_ASSERT_EQUAL(look(trust, true), MTASTS_CA_BUNDLE_SAME);
  replace(&site.new);
  CU_ASSERT_EQUAL(look(trust, false), MTASTS_CA_BUNDLE_SAME); /* it is not time to look */
  skew += MTASTS_CA_BUNDLE_INTERVAL;
  CU_ASSERT_EQUAL(look(trust, false), MTASTS_CA_BUNDLE_SAME); /* it may still be written to */
  CU_ASSERT_PTR_EQUAL(mtasts_ca_bundle_store(trust), first);
  skew += MTASTS_CA_BUNDLE_INTERVAL;
  CU_ASSERT_EQUAL(look(trust, false), MTASTS_CA_BUNDLE_RENEWED);
  unit_check(strstr(site.words, "was replaced: its 1 certificates count") != NULL, "%s",
             site.words);
  CU_ASSERT_PTR_NOT_EQUAL(mtasts_ca_bundle_store(trust), first);
  skew += MTASTS_CA_BUNDLE_INTERVAL;
  CU_ASSERT_EQUAL(look(trust, false), MTASTS_CA_BUNDLE_SAME);
  replace(&site.old);
  CU_ASSERT_EQUAL(look(trust, true), MTASTS_CA_BUNDLE_RENEWED);
  mtasts_ca_bundle_free(trust);
  fixture_down();
}

static void bad(struct mtasts_ca_bundle *trust, const char *why) {
  X509_STORE *before = mtasts_ca_bundle_store(trust);
  CU_ASSERT_EQUAL(look(trust, true), MTASTS_CA_BUNDLE_BROKEN);
  unit_check(strstr(site.words, why) != NULL, "%s", site.words);
  CU_ASSERT_EQUAL(look(trust, true), MTASTS_CA_BUNDLE_SAME); /* reported once */
  CU_ASSERT_PTR_EQUAL(mtasts_ca_bundle_store(trust), before);
}

static void broken(void) {
  fixture_up();
  struct mtasts_ca_bundle *trust = trust_new();
  for (long missing = 1; missing < 500; missing += 83) {
    write_cut(missing + 1);
    bad(trust, "damaged or truncated one; the 1 certificates of before count until it is good");
  }
  CU_ASSERT_EQUAL(truncate(site.path, 0), 0);
  bad(trust, "holds no PEM certificate");
  CU_ASSERT_EQUAL(unlink(site.path), 0);
  bad(trust, "No such file or directory");
  CU_ASSERT_EQUAL(mkdir(site.path, 0700), 0);
  bad(trust, "holds no PEM certificate");
  CU_ASSERT_EQUAL(rmdir(site.path), 0);
  bad(trust, "No such file or directory");
  CU_ASSERT_EQUAL(mkfifo(site.path, 0600), 0);
  bad(trust, "holds no PEM certificate");
  CU_ASSERT_EQUAL(unlink(site.path), 0);
  write_cut(0);
  CU_ASSERT_EQUAL(look(trust, true), MTASTS_CA_BUNDLE_RENEWED);
  unit_check(strstr(site.words, "its 2 certificates") != NULL, "%s", site.words);
  mtasts_ca_bundle_free(trust);
  fixture_down();
}

/* For want of a descriptor nothing can be read. That is reported once, and the bundle is read when
 * there is one again. */
static void without_descriptors(void) {
  struct rlimit limit;
  fixture_up();
  struct mtasts_ca_bundle *trust = trust_new();
  X509_STORE *before = mtasts_ca_bundle_store(trust);
  replace(&site.new);
  CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const struct rlimit none = {.rlim_cur = 1, .rlim_max = limit.rlim_max};
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
  enum mtasts_ca_bundle_change first = look(trust, true);
  bool told_why = strstr(site.words, "Too many open files") != NULL;
  enum mtasts_ca_bundle_change second = look(trust, true);
  skew += MTASTS_CA_BUNDLE_INTERVAL;
  enum mtasts_ca_bundle_change third = look(trust, false);
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
  CU_ASSERT(first == MTASTS_CA_BUNDLE_BROKEN && told_why);
  CU_ASSERT(second == MTASTS_CA_BUNDLE_SAME && third == MTASTS_CA_BUNDLE_SAME);
  CU_ASSERT_PTR_EQUAL(mtasts_ca_bundle_store(trust), before);
  skew += MTASTS_CA_BUNDLE_INTERVAL;
  CU_ASSERT_EQUAL(look(trust, false), MTASTS_CA_BUNDLE_RENEWED);
  CU_ASSERT_PTR_NOT_EQUAL(mtasts_ca_bundle_store(trust), before);
  mtasts_ca_bundle_free(trust);
  fixture_down();
}

/* fetches */

static struct event_base *base;
static unsigned told;

static void on_news(void *context, bool is_broken, const char *sentence) {
  (void)context;
  (void)sentence;
  told += is_broken ? 100 : 1;
}

static void take(void *context, const struct mtasts_fetch_answer *answer) {
  *(enum mtasts_error *)context = answer->error;
  event_base_loopbreak(base);
}

static enum mtasts_error fetch(struct mtasts_fetcher *fetcher) {
  struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}};
  struct mtasts_addresses addresses = {&address, 1};
  enum mtasts_error error = MTASTS_ERROR_DNS;
  struct mtasts_fetch *started;
  const struct mtasts_fetch_options options = {"good.example", &addresses, take, NULL, &error};
  CU_ASSERT_EQUAL_FATAL(mtasts_fetcher_start(fetcher, &options, &started), MTASTS_OK);
  event_base_dispatch(base);
  return error;
}

static void fetched(void) {
  static const struct https_site sites[] = {{.host = "good.example"}, {.host = NULL}};
  struct https_server server;
  struct mtasts_fetcher *fetcher;
  char error[MTASTS_ERROR_TEXT];
  fixture_up();
  struct mtasts_fetcher_options options = {
      .ca_file = site.path, .timeout = 5, .allow_private = true, .changed = on_news};
  base = event_base_new();
  CU_ASSERT_TRUE_FATAL(namespace_enter());
  /* The server's certificate is the new authority's. */
  CU_ASSERT_TRUE_FATAL(
      https_start(&server, "127.0.0.1", GLOBAL_ADDRESS, sites, &site.new, &site.old));
  CU_ASSERT_EQUAL_FATAL(mtasts_fetcher_new(base, &options, error, &fetcher), MTASTS_OK);
  CU_ASSERT_EQUAL(fetch(fetcher), MTASTS_ERROR_WEBPKI_INVALID);
  replace(&site.new);
  CU_ASSERT_EQUAL(fetch(fetcher), MTASTS_ERROR_WEBPKI_INVALID);
  skew += MTASTS_CA_BUNDLE_INTERVAL;
  fetch(fetcher);
  skew += MTASTS_CA_BUNDLE_INTERVAL;
  CU_ASSERT_EQUAL(fetch(fetcher), MTASTS_ERROR_NONE); /* by itself */
  CU_ASSERT_EQUAL(told, 1);
  replace(&site.old);
  mtasts_fetcher_renew(fetcher); /* at once */
  CU_ASSERT_EQUAL(fetch(fetcher), MTASTS_ERROR_WEBPKI_INVALID);
  replace(&site.new);
  mtasts_fetcher_renew(fetcher);
  CU_ASSERT_EQUAL(told, 3);
  CU_ASSERT_EQUAL(unlink(site.path), 0);
  mtasts_fetcher_renew(fetcher);
  CU_ASSERT_EQUAL(told, 103);
  CU_ASSERT_EQUAL(fetch(fetcher), MTASTS_ERROR_NONE); /* those of before count */
  mtasts_fetcher_free(fetcher);
  https_stop(&server);
  event_base_free(base);
  fixture_down();
}

const struct unit_test unit_tests[] = {
    {"a bundle that was replaced", replaced},
    {"a bundle that is of no use", broken},
    {"a bundle that could not be opened is read later", without_descriptors},
    {"what fetches come to", fetched},
    {NULL, NULL},
};
