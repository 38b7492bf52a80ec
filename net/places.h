/*
 * places.h: bounds how much is done at a time: who finds no free place waits for one, in order.
 * A waiter that is held back only by the limit of its own address does not hold back others.
 *
 * The caller owns the waiters, and keeps each until it has left. All in one thread.
 */
#ifndef MTASTS_PLACES_H
#define MTASTS_PLACES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct mtasts_place {
  TAILQ_ENTRY(mtasts_place) link;
  struct in6_addr address; /* unspecified: of no address */
  void (*start)(struct mtasts_place *place);
};

TAILQ_HEAD(mtasts_place_list, mtasts_place);

struct mtasts_places {
  size_t max;
  size_t of_address_max; /* of one address */
  size_t used;
  bool starting;
  struct mtasts_place_list running;
  struct mtasts_place_list waiting;
};

void mtasts_places_begin(struct mtasts_places *places, size_t max, size_t of_address_max);

/* Calls place->start as soon as there is a place for it, perhaps at once. */
void mtasts_places_enter(struct mtasts_places *places, struct mtasts_place *place);

/* Gives the place back. It was started. */
void mtasts_places_leave(struct mtasts_places *places, struct mtasts_place *place);

#endif
