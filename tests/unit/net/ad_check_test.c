#include "ad_check.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "namespace.h"
#include "scripted_dns.h"
#include "unit.h"

const char *const unit_name = "net/ad_check";

static const struct dns_line sound[] = {{NULL, NULL, NULL}};
static const struct dns_line silent[] = {{"", "DROP", ""}, {NULL, NULL, NULL}};
static const struct dns_line failing[] = {{"", "RCODE", "2"}, {NULL, NULL, NULL}};

struct result {
  struct event_base *base;
  unsigned calls;
  enum mtasts_ad ad;
  bool trusted;
  char server[64];
};

static void take(void *context, const struct mtasts_ad_answer *answer) {
  struct result *result = context;
  result->calls++;
  result->ad = answer->ad;
  result->trusted = answer->trusted;
  snprintf(result->server, sizeof result->server, "%s", answer->server);
  event_base_loopbreak(result->base);
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "we");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs(text, file);
  fclose(file);
}

/* resolv.conf, whether the server at 127.0.0.1 claims to validate, and the result. */
static void checks(void) {
  static const struct {
    const char *resolvconf;
    const struct dns_line *zone;
    enum mtasts_ad ad;
    bool claims;
    bool trusted;
  } cases[] = {
      {"nameserver 127.0.0.1\n", sound, MTASTS_AD_SET, true, false},
      {"nameserver 127.0.0.1\noptions edns0 trust-ad\n", sound, MTASTS_AD_SET, true, true},
      {"options trust-ad\nnameserver 127.0.0.1\n", sound, MTASTS_AD_MISSING, false, true},
      {"# options trust-ad\nnameserver 127.0.0.1\n", sound, MTASTS_AD_MISSING, false, false},
      {"options trust-advice\n", sound, MTASTS_AD_MISSING, false, false}, /* none: this host */
      {"nameserver 127.0.0.1\n", silent, MTASTS_AD_UNKNOWN, true, false},
      {"nameserver 127.0.0.1\n", failing, MTASTS_AD_UNKNOWN, true, false},
      /* As an MTA's library: the next one, once the first refuses. */
      {"nameserver 127.0.0.9\nnameserver 127.0.0.1\n", sound, MTASTS_AD_SET, true, false},
      {"nameserver 127.0.0.9\n", sound, MTASTS_AD_UNKNOWN, true, false},
  };
  char path[] = "/tmp/mtasts-resolv-XXXXXX";
  struct tree *tree = tree_load("tests/data/dnssec/tree.txt");
  close(mkstemp(path));
  CU_ASSERT_TRUE_FATAL(tree && namespace_enter());
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct dns_server server;
    struct mtasts_ad_check *check = NULL;
    struct result result = {.base = event_base_new()};
    memset(&server, 0, sizeof server);
    CU_ASSERT_TRUE_FATAL(dns_start(&server, 53, cases[i].zone));
    server.tree = tree;
    server.claims = cases[i].claims;
    write_file(path, cases[i].resolvconf);
    CU_ASSERT_EQUAL_FATAL(mtasts_ad_check_new(result.base, path, take, &result, &check), MTASTS_OK);
    while (result.calls == 0)
      event_base_dispatch(result.base);
    unit_check(result.ad == cases[i].ad && result.trusted == cases[i].trusted &&
                   strcmp(result.server, cases[i].ad == MTASTS_AD_UNKNOWN ? "" : "127.0.0.1@53") ==
                       0,
               "case %zu: %d, %d, \"%s\"", i, result.ad, result.trusted, result.server);
    /* resolv.conf has changed: at once, not in an hour. */
    if (i == 0) {
      write_file(path, "nameserver 127.0.0.1\noptions trust-ad\n");
      server.claims = false;
      mtasts_ad_check_again(check);
      while (result.calls == 1)
        event_base_dispatch(result.base);
      CU_ASSERT_TRUE(result.ad == MTASTS_AD_MISSING && result.trusted);
    }
    mtasts_ad_check_free(check);
    event_base_free(result.base);
    dns_stop(&server);
  }
  unlink(path);
  free(tree);
}

const struct unit_test unit_tests[] = {
    {"what the host's resolver says of the signed root", checks},
    {NULL, NULL},
};
