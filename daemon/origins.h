/*
 * origins.h: how many fetches are under way to one address of policy hosts, and to its network.
 *
 * The owner of a domain costs nothing: many of them may all point to a few addresses at which
 * nothing answers. So each address (an IPv4 address, or a /64 of IPv6, which one host has at least)
 * has so many fetches at most, and each network (/24, /48) twice as many.
 *
 * One thread.
 */
#ifndef MTASTS_ORIGINS_H
#define MTASTS_ORIGINS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct mtasts_origin;

struct mtasts_origins {
  void *tree; /* tsearch(3) */
};

/* Where one look-up fetches from; zeroed: it is not known yet. */
struct mtasts_origin_use {
  struct mtasts_origin *host;
  struct mtasts_origin *network;
  bool fetches; /* else it waits for the others */
};

/* Its policy host has this address (IPv4 is mapped). False: no memory. */
bool mtasts_origins_add(struct mtasts_origins *origins, struct mtasts_origin_use *use,
                        const struct in6_addr *address);
/* Zeroes it. If nothing was added, nothing happens. */
void mtasts_origins_remove(struct mtasts_origins *origins, struct mtasts_origin_use *use);

/* May it fetch, if each address may have `most` at a time? */
bool mtasts_origins_has_room(const struct mtasts_origin_use *use, size_t most);
/* It does. */
void mtasts_origins_fetch(struct mtasts_origin_use *use);

/* Do others of its network wait? */
bool mtasts_origins_waited_for(const struct mtasts_origin_use *use);

#endif
