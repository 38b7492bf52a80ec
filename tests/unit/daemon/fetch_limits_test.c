#include "fetch_limits.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "unit.h"

enum {
  MOST = 3,
};

static struct in6_addr address(const char *text) {
  struct in6_addr address = {.s6_addr = {0}};
  char mapped[64];
  snprintf(mapped, sizeof mapped, "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
  CU_ASSERT_EQUAL_FATAL(inet_pton(AF_INET6, mapped, &address), 1);
  return address;
}

/* Fetches from there, if it may. */
static bool fetches(struct mtasts_fetch_limits *origins, struct mtasts_fetch_limit_use *usage,
                    const char *text) {
  const struct in6_addr at = address(text);
  CU_ASSERT_TRUE_FATAL(mtasts_fetch_limits_add(origins, usage, &at));
  bool may = mtasts_fetch_limits_has_room(usage, MOST);
  if (may)
    mtasts_fetch_limits_fetch(usage);
  return may;
}

static void share_of_an_address(void) {
  struct mtasts_fetch_limits origins = {NULL};
  struct mtasts_fetch_limit_use uses[MOST + 2] = {{.host = NULL}};
  for (size_t i = 0; i < MOST; i++)
    CU_ASSERT_TRUE(fetches(&origins, &uses[i], "192.0.2.1"));
  CU_ASSERT_FALSE(mtasts_fetch_limits_waited_for(&uses[0]));
  CU_ASSERT_FALSE(fetches(&origins, &uses[MOST], "192.0.2.1"));
  CU_ASSERT_TRUE(mtasts_fetch_limits_waited_for(&uses[0]));
  CU_ASSERT_TRUE(fetches(&origins, &uses[MOST + 1], "192.0.2.2"));
  mtasts_fetch_limits_remove(&origins, &uses[0]);
  CU_ASSERT_TRUE(mtasts_fetch_limits_has_room(&uses[MOST], MOST));
  for (size_t i = 0; i < MOST + 2; i++)
    mtasts_fetch_limits_remove(&origins, &uses[i]);
  CU_ASSERT_PTR_NULL(origins.tree);
}

/* Of a network, each from another address of it. */
static void check_network(const char *start, const char *end, const char *beyond) {
  struct mtasts_fetch_limits origins = {NULL};
  struct mtasts_fetch_limit_use uses[2 * MOST + 2] = {{.host = NULL}};
  char text[64];
  for (unsigned i = 0; i <= 2 * MOST; i++) {
    snprintf(text, sizeof text, "%s%u%s", start, i + 1, end);
    unit_check(fetches(&origins, &uses[i], text) == (i < 2 * MOST), "%s", text);
  }
  unit_check(fetches(&origins, &uses[2 * MOST + 1], beyond), "%s", beyond);
  for (unsigned i = 0; i < 2 * MOST + 2; i++)
    mtasts_fetch_limits_remove(&origins, &uses[i]);
  CU_ASSERT_PTR_NULL(origins.tree);
}

static void share_of_a_network(void) {
  check_network("192.0.2.", "", "192.0.3.1");
  check_network("2001:db8:1:", "::1", "2001:db8:2::1");
}

/* A host with an IPv6 /64 has all of its addresses. */
static void share_of_an_ipv6_host(void) {
  struct mtasts_fetch_limits origins = {NULL};
  struct mtasts_fetch_limit_use uses[MOST + 1] = {{.host = NULL}};
  char text[64];
  for (unsigned i = 0; i <= MOST; i++) {
    snprintf(text, sizeof text, "2001:db8:1:1:%x::1", i + 1);
    unit_check(fetches(&origins, &uses[i], text) == (i < MOST), "%s", text);
  }
  for (unsigned i = 0; i <= MOST; i++)
    mtasts_fetch_limits_remove(&origins, &uses[i]);
  mtasts_fetch_limits_remove(&origins, &uses[0]); /* once more: nothing */
  CU_ASSERT_PTR_NULL(origins.tree);
}

const char *const unit_name = "daemon/fetch_limits";
const struct unit_test unit_tests[] = {
    {"an address has its share, and others have theirs", share_of_an_address},
    {"so has a network", share_of_a_network},
    {"a /64 of IPv6 is one host", share_of_an_ipv6_host},
    {NULL, NULL},
};
