#include "places.h"

#include <string.h>

void mtasts_places_begin(struct mtasts_places *places, size_t max, size_t of_address_max) {
  *places = (struct mtasts_places){.max = max, .of_address_max = of_address_max};
  TAILQ_INIT(&places->running);
  TAILQ_INIT(&places->waiting);
}

static bool has_room(const struct mtasts_places *places, const struct mtasts_place *place) {
  const struct mtasts_place *other;
  size_t same = 0;
  if (places->used >= places->max)
    return false;
  if (IN6_IS_ADDR_UNSPECIFIED(&place->address))
    return true;
  TAILQ_FOREACH(other, &places->running, link)
  same += memcmp(&other->address, &place->address, sizeof place->address) == 0;
  return same < places->of_address_max;
}

static struct mtasts_place *choose(const struct mtasts_places *places) {
  struct mtasts_place *place;
  TAILQ_FOREACH(place, &places->waiting, link)
  if (has_room(places, place))
    return place;
  return NULL;
}

/* Starts all that can start. What starts may enter or leave at once: this loop then does the rest,
 * without recursion. */
static void start_all(struct mtasts_places *places) {
  struct mtasts_place *place;
  if (places->starting)
    return;
  places->starting = true;
  while (places->used < places->max && (place = choose(places))) {
    TAILQ_REMOVE(&places->waiting, place, link);
    TAILQ_INSERT_TAIL(&places->running, place, link);
    places->used++;
    place->start(place);
  }
  places->starting = false;
}

void mtasts_places_enter(struct mtasts_places *places, struct mtasts_place *place) {
  TAILQ_INSERT_TAIL(&places->waiting, place, link);
  start_all(places);
}

void mtasts_places_leave(struct mtasts_places *places, struct mtasts_place *place) {
  TAILQ_REMOVE(&places->running, place, link);
  places->used--;
  start_all(places);
}
