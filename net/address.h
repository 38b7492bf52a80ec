/*
 * address.h: which addresses a policy host may have, and addresses as the system takes them.
 */
#ifndef MTASTS_ADDRESS_H
#define MTASTS_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

/*
 * Is the address globally routable: not loopback, private, link-local, shared, documentation,
 * benchmarking, protocol assignment, multicast, reserved or unspecified (the IANA special-purpose
 * registries, RFC 6890)? If the IPv6 address contains an IPv4 address (mapped, 6to4, NAT64), the
 * IPv4 address counts.
 */
bool mtasts_address_global(const struct in6_addr *address);

/* Writes the socket address of an address, of which IPv4 is stored mapped. Returns its size. */
socklen_t mtasts_address_socket(const struct in6_addr *address, uint16_t port,
                                struct sockaddr_storage *to);

#endif
