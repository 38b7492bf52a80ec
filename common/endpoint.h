/*
 * endpoint.h: the addresses that people write in mtasts.conf and on command lines.
 * Numeric only: nothing here looks a name up.
 */
#ifndef MTASTS_ENDPOINT_H
#define MTASTS_ENDPOINT_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "mtasts.h"

/*
 * An address to listen at: `unix:/path`, `inet:127.0.0.1:8461`, `inet:[::1]:8461`;
 * `inet:` may be left out.
 */
bool mtasts_endpoint_parse(const char *text, struct sockaddr_storage *address, socklen_t *size);

/*
 * A DNS server: ADDR or ADDR@PORT. A link-local IPv6 address names its interface, and no other
 * address does (RFC 4007 section 11): fe80::53%eth0@53. Whether the interface exists is not checked
 * here. NULL: the text is a DNS server. Else what is wrong, as in "is not an address".
 */
const char *mtasts_endpoint_dns_server_error(const char *text);

/* An IPv4 network is stored mapped (::ffff:a.b.c.d/96+n). */
struct mtasts_network {
  struct in6_addr address;
  unsigned bits; /* 0 to 128 */
};

/* A network: ADDR or ADDR/BITS, no bit set past BITS. */
bool mtasts_network_parse(const char *text, struct mtasts_network *network);

/* Is the address (IPv4 mapped) in the network? */
bool mtasts_network_has(const struct mtasts_network *network, const struct in6_addr *address);

#endif
