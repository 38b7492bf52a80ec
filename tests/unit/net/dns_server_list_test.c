#include "dns_server_list.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

/* What is found of a list: the servers, and " (trouble)" if there is some; else the error. */
static void find(const char *const *named, size_t count, char *out, size_t size) {
  struct mtasts_dns_server_list servers = {.count = 0};
  char text[MTASTS_DNS_SERVER_LIST_TEXT];
  char error[MTASTS_ERROR_TEXT] = "";
  if (mtasts_dns_server_list_find(named, count, &servers, error) != MTASTS_OK) {
    snprintf(out, size, "%s", error);
    return;
  }
  mtasts_dns_server_list_write(&servers, text);
  snprintf(out, size, "%s%s", text, *servers.trouble ? " (trouble)" : "");
}

static void named(void) {
  static const struct {
    const char *named[MTASTS_RESOLVER_SERVERS + 1];
    const char *found;
  } cases[] = {
      {{"192.0.2.1"}, "192.0.2.1@53"},
      {{"::1@5353", "192.0.2.1"}, "::1@5353,192.0.2.1@53"},
      {{"fe80::1%lo", "192.0.2.1"}, "fe80::1%lo@53,192.0.2.1@53"},
      {{"fe80::1%nowhere0", "192.0.2.1"}, "192.0.2.1@53 (trouble)"},
      {{"192.0.2.1", "fe80::1%nowhere0", "192.0.2.2"}, "192.0.2.1@53,192.0.2.2@53 (trouble)"},
      {{"fe80::1%nowhere0"}, " (trouble)"},
      {{"192.0.2.1", "example.com"},
       "\"example.com\" is not the address of a DNS server (write ADDR or ADDR@PORT; a link-local "
       "one with its interface, and no other: fe80::53%eth0)"},
      {{"::1", "::1", "::1", "::1", "::1", "::1", "::1", "::1", "::1"},
       "9 DNS servers are given, at most 8 can be asked"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char found[1024];
    size_t count = 0;
    while (count <= MTASTS_RESOLVER_SERVERS && cases[i].named[count])
      count++;
    find(cases[i].named, count, found, sizeof found);
    unit_check(strcmp(found, cases[i].found) == 0, "%s…: %s", cases[i].named[0], found);
  }
}

static void longest(void) {
  static const char *const address = "2001:db8:1111:2222:3333:4444:5555:6666@65535";
  const char *many[MTASTS_RESOLVER_SERVERS];
  char text[1024];
  for (size_t i = 0; i < MTASTS_RESOLVER_SERVERS; i++)
    many[i] = address;
  find(many, MTASTS_RESOLVER_SERVERS, text, sizeof text);
  CU_ASSERT_EQUAL(strlen(text), MTASTS_RESOLVER_SERVERS * (strlen(address) + 1) - 1);
}

static void compared(void) {
  static const char *const one[] = {"192.0.2.1", "fe80::1%lo"};
  static const char *const other_order[] = {"fe80::1%lo", "192.0.2.1"};
  static const char *const same[] = {"192.0.2.1@53", "fe80::1%1"};
  static const char *const trouble[] = {"192.0.2.1", "fe80::1%lo", "fe80::1%nowhere0"};
  struct mtasts_dns_server_list a, b;
  char error[MTASTS_ERROR_TEXT];
  CU_ASSERT_EQUAL_FATAL(mtasts_dns_server_list_find(one, 2, &a, error), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_dns_server_list_find(same, 2, &b, error), MTASTS_OK);
  CU_ASSERT_TRUE(mtasts_dns_server_list_same(&a, &b));
  CU_ASSERT_EQUAL(mtasts_dns_server_list_find(other_order, 2, &b, error), MTASTS_OK);
  CU_ASSERT_FALSE(mtasts_dns_server_list_same(&a, &b));
  CU_ASSERT_EQUAL(mtasts_dns_server_list_find(one, 1, &b, error), MTASTS_OK);
  CU_ASSERT_FALSE(mtasts_dns_server_list_same(&a, &b));
  CU_ASSERT_EQUAL(mtasts_dns_server_list_find(trouble, 3, &b, error), MTASTS_OK);
  CU_ASSERT_FALSE(mtasts_dns_server_list_same(&a, &b));
}

const char *const unit_name = "net/dns_server_list";
const struct unit_test unit_tests[] = {
    {"those that are named, but for those that cannot be asked", named},
    {"the longest addresses have room", longest},
    {"lists are compared", compared},
    {NULL, NULL},
};
