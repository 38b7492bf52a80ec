/*
 * fetch_limits.h: limits how many fetches run at a time to one address of policy hosts, and to its
 * network.
 *
 * Domains are cheap: an attacker may point many of them to a few addresses at which nothing
 * answers. So the fetches of each address are bounded, and those of each network (/24, /48) at
 * twice as many. An IPv6 address counts as its /64, since one host usually has a whole /64.
 *
 * One thread.
 */
#ifndef MTASTS_FETCH_LIMITS_H
#define MTASTS_FETCH_LIMITS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct mtasts_fetch_limit;

struct mtasts_fetch_limits {
  void *tree; /* tsearch(3) */
};

/* The address that one look-up fetches from; zeroed: not known yet. */
struct mtasts_fetch_limit_use {
  struct mtasts_fetch_limit *host;
  struct mtasts_fetch_limit *network;
  bool fetches; /* false: it waits until another fetch ends */
};

/* The look-up's policy host has this address (IPv4 is mapped). False: no memory. */
bool mtasts_fetch_limits_add(struct mtasts_fetch_limits *origins,
                             struct mtasts_fetch_limit_use *usage, const struct in6_addr *address);
/* Zeroes it. If nothing was added, nothing happens. */
void mtasts_fetch_limits_remove(struct mtasts_fetch_limits *origins,
                                struct mtasts_fetch_limit_use *usage);

/* May the look-up fetch, if each address may have `max` fetches at a time? */
bool mtasts_fetch_limits_has_room(const struct mtasts_fetch_limit_use *usage, size_t max);
/* The look-up begins its fetch. */
void mtasts_fetch_limits_fetch(struct mtasts_fetch_limit_use *usage);

/* Do other look-ups wait for this address or network? */
bool mtasts_fetch_limits_waited_for(const struct mtasts_fetch_limit_use *usage);

#endif
