/*
 * fetch_limits.h: how many fetches are under way to one address of policy hosts, and to its
 * network.
 *
 * The owner of a domain costs nothing: many of them may all point to a few addresses at which
 * nothing answers. So each address (an IPv4 address, or a /64 of IPv6, which one host has at least)
 * has so many fetches at most, and each network (/24, /48) twice as many.
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

/* Where one look-up fetches from; zeroed: it is not known yet. */
struct mtasts_fetch_limit_use {
  struct mtasts_fetch_limit *host;
  struct mtasts_fetch_limit *network;
  bool fetches; /* else it waits for the others */
};

/* Its policy host has this address (IPv4 is mapped). False: no memory. */
bool mtasts_fetch_limits_add(struct mtasts_fetch_limits *origins,
                             struct mtasts_fetch_limit_use *usage, const struct in6_addr *address);
/* Zeroes it. If nothing was added, nothing happens. */
void mtasts_fetch_limits_remove(struct mtasts_fetch_limits *origins,
                                struct mtasts_fetch_limit_use *usage);

/* May it fetch, if each address may have `max` at a time? */
bool mtasts_fetch_limits_has_room(const struct mtasts_fetch_limit_use *usage, size_t max);
/* It does. */
void mtasts_fetch_limits_fetch(struct mtasts_fetch_limit_use *usage);

/* Do others of its network wait? */
bool mtasts_fetch_limits_waited_for(const struct mtasts_fetch_limit_use *usage);

#endif
