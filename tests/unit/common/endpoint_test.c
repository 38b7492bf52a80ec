#include "endpoint.h"

#include "unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

const char *const unit_name = "common/endpoint";

static void describe_listen(const char *text, char *out, size_t size) {
  struct sockaddr_storage address = {0};
  socklen_t len;
  char ip[INET6_ADDRSTRLEN];
  if (!mtasts_endpoint_parse(text, &address, &len))
    return;
  if (address.ss_family == AF_UNIX && len == sizeof(struct sockaddr_un)) {
    snprintf(out, size, "unix %s", ((const struct sockaddr_un *)&address)->sun_path);
  } else if (address.ss_family == AF_INET && len == sizeof(struct sockaddr_in)) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
    inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof ip);
    snprintf(out, size, "%s %u", ip, ntohs(v4->sin_port));
  } else if (address.ss_family == AF_INET6 && len == sizeof(struct sockaddr_in6)) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
    inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof ip);
    snprintf(out, size, "%s %u", ip, ntohs(v6->sin6_port));
  }
}

static void describe_network(const char *text, char *out, size_t size) {
  struct mtasts_network network;
  char ip[INET6_ADDRSTRLEN];
  if (!mtasts_network_parse(text, &network))
    return;
  inet_ntop(AF_INET6, &network.address, ip, sizeof ip);
  snprintf(out, size, "%s/%u", ip, network.bits);
}

static void check_text(unsigned line, const struct unit_field *fields, size_t count) {
  char got[256] = "-";
  if (count != 3) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  const char *text = fields[1].data;
  if (strcmp(fields[0].data, "listen") == 0)
    describe_listen(text, got, sizeof got);
  else if (strcmp(fields[0].data, "network") == 0)
    describe_network(text, got, sizeof got);
  else if (!mtasts_endpoint_dns_server_error(text))
    snprintf(got, sizeof got, "yes");
  unit_check(strcmp(got, fields[2].data) == 0, "line %u: %s is %s", line, text, got);
}

static void texts(void) {
  unit_vectors("tests/data/endpoint.tsv", 50, check_text);
}

static bool has(const char *network, const char *address) {
  struct mtasts_network parsed;
  struct in6_addr ip;
  return mtasts_network_parse(network, &parsed) && inet_pton(AF_INET6, address, &ip) == 1 &&
         mtasts_network_has(&parsed, &ip);
}

static void membership(void) {
  CU_ASSERT(has("192.0.2.0/24", "::ffff:192.0.2.255"));
  CU_ASSERT(!has("192.0.2.0/24", "::ffff:192.0.3.0"));
  CU_ASSERT(has("192.0.2.128/25", "::ffff:192.0.2.129"));
  CU_ASSERT(!has("192.0.2.128/25", "::ffff:192.0.2.127"));
  CU_ASSERT(has("192.0.2.7", "::ffff:192.0.2.7"));
  CU_ASSERT(!has("192.0.2.7", "::ffff:192.0.2.6"));
  CU_ASSERT(has("0.0.0.0/0", "::ffff:203.0.113.9"));
  CU_ASSERT(!has("0.0.0.0/0", "2001:db8::1"));
  CU_ASSERT(has("2001:db8::/33", "2001:db8:7fff::1"));
  CU_ASSERT(!has("2001:db8::/33", "2001:db8:8000::1"));
  CU_ASSERT(has("::/0", "2001:db8::1"));
}

const struct unit_test unit_tests[] = {{"listeners, servers and networks", texts},
                                       {"addresses in networks", membership},
                                       {NULL, NULL}};
