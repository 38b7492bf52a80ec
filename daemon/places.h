/*
 * places.h: who may begin, and who may fetch: the tower's places, and the shares of each address.
 *
 * A look-up takes a place to begin. Once it knows where its policy host is, it fetches from there
 * if that address has less than a quarter of the places, and its network less than half
 * (origins.h). Else it is held: it leaves its place to others, and fetches when another one of that
 * address or network has ended, beside the places. So a few slow addresses hold up their own
 * domains alone. If one has been fetching for MTASTS_PLACES_TURN_MS and others are held for it, it
 * is ended, so that a slow domain does not hold up the others of a large provider for long.
 */
#ifndef MTASTS_PLACES_H
#define MTASTS_PLACES_H

#include "tower.h"

struct in6_addr;

enum {
  MTASTS_PLACES_TURN_MS = 5000,
};

/* Look-ups under way, without those that are held. */
size_t mtasts_places_taken(const struct mtasts_tower *tower);

/* Is there a place for one more of this kind, or can one be made? If not, the tower is launched
 * again when there may be. */
bool mtasts_places_find(struct mtasts_tower *tower, enum mtasts_flight_list kind);

/* As mtasts_net.admit; the context is the flight. */
bool mtasts_places_admit(void *context, const struct in6_addr *address);

/* Frees the flight's look-up, if it has one; another one that was held for it fetches then. */
void mtasts_places_leave(struct mtasts_tower *tower, struct mtasts_flight *flight);

/* To be called now and then: once a second it sees to those that are held. */
void mtasts_places_go(struct mtasts_tower *tower);

#endif
