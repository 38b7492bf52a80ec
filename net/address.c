#include "address.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct prefix {
  unsigned char bytes[6];
  unsigned bits;
};

/* Of the IANA IPv4 special-purpose registry, what is not globally reachable; also 6to4's relays
 * and multicast. */
static const struct prefix ipv4_special[] = {
    {{0}, 8},             /* this network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* shared, RFC 6598 */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments; its two anycast services serve no web */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* 6to4 relays, RFC 7526 */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarking */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 4},           /* multicast */
    {{240}, 4},           /* reserved, broadcast */
};

static const struct prefix ipv6_unicast = {{0x20}, 3}; /* all global unicast that IANA assigns */

/* Special within that. */
static const struct prefix ipv6_special[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments, Teredo, benchmarking, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff}, 20},             /* documentation, RFC 9637 */
};

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};          /* ::ffff:0:0/96 */
static const unsigned char nat64[12] = {[1] = 0x64, [2] = 0xff, [3] = 0x9b}; /* 64:ff9b::/96 */
static const unsigned char six_to_four[2] = {0x20, 0x02};                    /* 2002::/16 */

static bool within(const unsigned char *address, const struct prefix *prefix) {
  size_t whole = prefix->bits / 8;
  unsigned rest = prefix->bits % 8;
  return memcmp(address, prefix->bytes, whole) == 0 &&
         (rest == 0 || (address[whole] ^ prefix->bytes[whole]) >> (8 - rest) == 0);
}

static bool within_any(const unsigned char *address, const struct prefix *list, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (within(address, &list[i]))
      return true;
  return false;
}

static bool ipv4_global(const unsigned char *address) {
  return !within_any(address, ipv4_special, sizeof ipv4_special / sizeof *ipv4_special);
}

bool mtasts_address_global(const struct in6_addr *address) {
  const unsigned char *bytes = address->s6_addr;
  if (memcmp(bytes, mapped, sizeof mapped) == 0 || memcmp(bytes, nat64, sizeof nat64) == 0)
    return ipv4_global(bytes + 12);
  if (memcmp(bytes, six_to_four, sizeof six_to_four) == 0)
    return ipv4_global(bytes + 2);
  return within(bytes, &ipv6_unicast) &&
         !within_any(bytes, ipv6_special, sizeof ipv6_special / sizeof *ipv6_special);
}

socklen_t mtasts_address_socket(const struct in6_addr *address, uint16_t port,
                                struct sockaddr_storage *to) {
  *to = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
  if (!IN6_IS_ADDR_V4MAPPED(address)) {
    struct sockaddr_in6 ipv6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = *address};
    memcpy(to, &ipv6, sizeof ipv6);
    return sizeof ipv6;
  }
  struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  memcpy(&ipv4.sin_addr, &address->s6_addr[12], sizeof ipv4.sin_addr);
  memcpy(to, &ipv4, sizeof ipv4);
  return sizeof ipv4;
}
