/*
 * reverse_names.h: the names that the DNS gives for addresses (PTR, RFC 1035 section 3.5).
 *
 * All addresses are asked for at once, with one deadline. The names are claims of those who run the
 * addresses. Addresses that are not globally routable are never asked for. Threads: one; the
 * resolver's loop runs until the last answer or the deadline.
 */
#ifndef MTASTS_REVERSE_NAMES_H
#define MTASTS_REVERSE_NAMES_H

#include "resolver.h"

enum {
  MTASTS_REVERSE_MAX = 100, /* addresses that are asked for at once */
  MTASTS_REVERSE_QUERY = sizeof "f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f.f."
                                "ip6.arpa",
};

/* The name to ask for, "1.2.0.192.in-addr.arpa". Returns false if the text is no address, or none
 * that is globally routable. An IPv4 address inside of an IPv6 one (mapped) is asked for as IPv4.
 */
bool mtasts_reverse_query(struct mtasts_span address, char query[MTASTS_REVERSE_QUERY]);

struct mtasts_reverse_name {
  struct mtasts_span address;
  struct mtasts_domain name; /* len 0: there is none, or no answer came in time */
};

/* Fills in the names. count: at most MTASTS_REVERSE_MAX. base: the resolver's loop, on which
 * nothing else runs. seconds: until the deadline. MTASTS_NO_MEMORY: no name is known. */
enum mtasts_status mtasts_reverse_names(struct event_base *base, struct mtasts_resolver *resolver,
                                        uint32_t seconds, struct mtasts_reverse_name *names,
                                        size_t count);

#endif
