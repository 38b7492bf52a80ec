#include "address.h"

#include <arpa/inet.h>
#include <string.h>

#include "unit.h"

static void check(unsigned line, const struct unit_field *fields, size_t count) {
  struct in6_addr address;
  char mapped[64];
  CU_ASSERT_EQUAL_FATAL(count, 2);
  snprintf(mapped, sizeof mapped, "%s%s",
           strchr(fields[0].data, ':') ? "" : "::ffff:", fields[0].data);
  unit_check(inet_pton(AF_INET6, mapped, &address) == 1, "line %u: not an address", line);
  unit_check(mtasts_address_global(&address) == (strcmp(fields[1].data, "yes") == 0),
             "line %u: %s is %sglobal", line, fields[0].data,
             fields[1].data[0] == 'y' ? "" : "not ");
}

static void special_registries(void) {
  unit_vectors("tests/data/address.tsv", 100, check);
}

const char *const unit_name = "net/address";
const struct unit_test unit_tests[] = {
    {"only globally routable addresses are global", special_registries},
    {NULL, NULL},
};
