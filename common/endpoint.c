#include "endpoint.h"

#include "ascii.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/un.h>

/* A decimal number of at most five digits, without a sign. */
static bool read_number(struct mtasts_span text, unsigned max, unsigned *number) {
  unsigned value = 0;
  if (text.len == 0 || text.len > 5)
    return false;
  for (size_t i = 0; i < text.len; i++) {
    if (!mtasts_is_digit(text.data[i]))
      return false;
    value = value * 10 + (unsigned)(text.data[i] - '0');
  }
  *number = value;
  return value <= max;
}

/* IPv4 is stored mapped. */
static bool read_address(struct mtasts_span text, struct in6_addr *address, bool *is_v4) {
  static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
  char copy[INET6_ADDRSTRLEN];
  struct in_addr v4;
  if (text.len >= sizeof copy)
    return false;
  memcpy(copy, text.data, text.len);
  copy[text.len] = '\0';
  *is_v4 = inet_pton(AF_INET, copy, &v4) == 1;
  if (!*is_v4)
    return inet_pton(AF_INET6, copy, address) == 1;
  memcpy(address->s6_addr, mapped, sizeof mapped);
  memcpy(address->s6_addr + sizeof mapped, &v4, sizeof v4);
  return true;
}

static bool unix_endpoint(struct mtasts_span path, struct sockaddr_storage *address,
                          socklen_t *size) {
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  if (path.len < 2 || path.len >= sizeof local.sun_path || path.data[0] != '/')
    return false;
  memcpy(local.sun_path, path.data, path.len);
  memcpy(address, &local, sizeof local);
  *size = sizeof local;
  return true;
}

static bool inet_endpoint(struct mtasts_span host, unsigned port, bool bracketed,
                          struct sockaddr_storage *address, socklen_t *size) {
  struct in6_addr ip;
  bool is_v4;
  if (!read_address(host, &ip, &is_v4) || is_v4 == bracketed)
    return false;
  if (is_v4) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    memcpy(&v4.sin_addr, ip.s6_addr + 12, sizeof v4.sin_addr);
    memcpy(address, &v4, sizeof v4);
    *size = sizeof v4;
  } else {
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = ip};
    memcpy(address, &v6, sizeof v6);
    *size = sizeof v6;
  }
  return true;
}

static struct mtasts_span skip(struct mtasts_span text, size_t n) {
  return (struct mtasts_span){text.data + n, text.len - n};
}

bool mtasts_endpoint_parse(const char *text, struct sockaddr_storage *address, socklen_t *size) {
  struct mtasts_span all = {text, strlen(text)};
  if (mtasts_span_starts(all, MTASTS_SPAN("unix:")))
    return unix_endpoint(skip(all, 5), address, size);
  if (mtasts_span_starts(all, MTASTS_SPAN("inet:")))
    all = skip(all, 5);

  const char *colon = memrchr(all.data, ':', all.len);
  unsigned port;
  if (!colon)
    return false;
  struct mtasts_span host = {all.data, (size_t)(colon - all.data)};
  if (!read_number(skip(all, host.len + 1), 65535, &port))
    return false;
  bool bracketed = host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';
  if (bracketed)
    host = (struct mtasts_span){host.data + 1, host.len - 2};
  return inet_endpoint(host, port, bracketed, address, size);
}

/* Is the scope valid? A link-local address must have one, and it must be an interface's name. */
static const char *scope_fault(const struct in6_addr *address, bool is_v4,
                               struct mtasts_span scope) {
  bool scoped = scope.len > 0;
  if (scoped && (is_v4 || !IN6_IS_ADDR_LINKLOCAL(address)))
    return "names an interface, which only a link-local address does";
  if (!scoped && !is_v4 && IN6_IS_ADDR_LINKLOCAL(address))
    return "is link-local and has to name its interface, as in fe80::53%eth0";
  if (scope.len == 1 || scope.len > IF_NAMESIZE) /* the % is part of it */
    return "does not name an interface after the %";
  for (size_t i = 1; i < scope.len; i++)
    if ((unsigned char)scope.data[i] <= ' ' || scope.data[i] == '/' || scope.data[i] == 0x7f)
      return "does not name an interface after the %";
  return NULL;
}

const char *mtasts_endpoint_dns_server_error(const char *text) {
  static const char no_address[] = "is not an ADDRESS or ADDRESS@PORT";
  struct mtasts_span all = {text, strcspn(text, "@")};
  struct mtasts_span host = {text, strcspn(text, "%@")};
  struct in6_addr address;
  bool is_v4;
  unsigned port;
  if (text[all.len] == '@') {
    const char *digits = text + all.len + 1;
    if (!read_number((struct mtasts_span){digits, strlen(digits)}, 65535, &port) || port == 0)
      return no_address;
  }
  if (!read_address(host, &address, &is_v4))
    return no_address;
  return scope_fault(&address, is_v4, skip(all, host.len));
}

bool mtasts_network_parse(const char *text, struct mtasts_network *network) {
  struct mtasts_span host = {text, strcspn(text, "/")};
  struct mtasts_network read;
  bool is_v4;
  if (!read_address(host, &read.address, &is_v4))
    return false;
  unsigned width = is_v4 ? 32 : 128;
  read.bits = width;
  if (text[host.len] == '/') {
    const char *digits = text + host.len + 1;
    if (!read_number((struct mtasts_span){digits, strlen(digits)}, width, &read.bits))
      return false;
  }
  read.bits += 128 - width;
  for (unsigned bit = read.bits; bit < 128; bit++)
    if (read.address.s6_addr[bit / 8] & (0x80 >> bit % 8))
      return false;
  *network = read;
  return true;
}

bool mtasts_network_has(const struct mtasts_network *network, const struct in6_addr *address) {
  unsigned whole = network->bits / 8;
  if (memcmp(network->address.s6_addr, address->s6_addr, whole) != 0)
    return false;
  if (network->bits % 8 == 0)
    return true;
  unsigned difference = network->address.s6_addr[whole] ^ address->s6_addr[whole];
  return difference >> (8 - network->bits % 8) == 0;
}
