/*
 * address.h: which addresses a policy host may have.
 */
#ifndef MTASTS_ADDRESS_H
#define MTASTS_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>

/*
 * Is the address globally routable: not loopback, private, link-local, shared, documentation,
 * benchmarking, protocol assignment, multicast, reserved or unspecified (the IANA special-purpose
 * registries, RFC 6890)? If the IPv6 address contains an IPv4 address (mapped, 6to4, NAT64), the
 * IPv4 address counts.
 */
bool mtasts_address_global(const struct in6_addr *address);

#endif
