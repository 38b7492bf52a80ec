#include "places.h"

#include "lookup.h"

enum {
  SLOW_MS = 1000, /* in the air; then its place is for others */
  LOOK_MS = 1000, /* between looks at those that are held */
};

/* Places that are taken. */
static size_t places(const struct mtasts_tower *tower) {
  const size_t *counts = tower->flights.counts;
  return counts[MTASTS_FLIGHT_AIR] + counts[MTASTS_FLIGHT_AIR_NETWORK] +
         counts[MTASTS_FLIGHT_AIR_BEHIND];
}

size_t mtasts_places_taken(const struct mtasts_tower *tower) {
  return places(tower) + tower->flights.counts[MTASTS_FLIGHT_AIR_SLOW];
}

/* the shares of addresses */

static size_t share_of(const struct mtasts_tower *tower) {
  return tower->in_flight / 4 > 0 ? tower->in_flight / 4 : 1;
}

bool mtasts_places_admit(void *context, const struct in6_addr *address) {
  struct mtasts_flight *flight = context;
  struct mtasts_tower *tower = flight->owner;
  /* Without memory its share is not counted. */
  if (!mtasts_origins_add(&tower->origins, &flight->origin, address))
    return true;
  if (mtasts_origins_has_room(&flight->origin, share_of(tower))) {
    mtasts_origins_fetch(&flight->origin);
    if (flight->list == MTASTS_FLIGHT_HELD) /* it began again, for other servers */
      mtasts_flights_move(&tower->flights, flight, MTASTS_FLIGHT_AIR_SLOW);
    return true;
  }
  mtasts_flights_move(&tower->flights, flight, MTASTS_FLIGHT_HELD);
  event_active(tower->turn, EV_TIMEOUT, 0); /* its place is free: not from inside a look-up */
  return false;
}

static bool may_fetch(const struct mtasts_tower *tower, const struct mtasts_flight *flight) {
  return flight->origin.host && !flight->origin.fetches &&
         mtasts_places_taken(tower) < 2 * (size_t)tower->in_flight &&
         mtasts_origins_has_room(&flight->origin, share_of(tower));
}

/* Lets those fetch that were held and now may, `most` of them. */
static void release(struct mtasts_tower *tower, size_t most) {
  struct mtasts_flight *flight = TAILQ_FIRST(&tower->flights.lists[MTASTS_FLIGHT_HELD]);
  struct mtasts_flight *next;
  for (; flight && most > 0; flight = next) {
    next = TAILQ_NEXT(flight, link);
    if (!may_fetch(tower, flight))
      continue;
    mtasts_origins_fetch(&flight->origin);
    mtasts_flights_move(&tower->flights, flight, MTASTS_FLIGHT_AIR_SLOW);
    flight->since = mtasts_uptime();
    mtasts_lookup_admit(flight->lookup);
    most--;
  }
}

void mtasts_places_leave(struct mtasts_tower *tower, struct mtasts_flight *flight) {
  bool makes_room = flight->origin.fetches && mtasts_origins_waited_for(&flight->origin);
  mtasts_lookup_free(flight->lookup);
  flight->lookup = NULL;
  mtasts_origins_remove(&tower->origins, &flight->origin);
  if (makes_room)
    release(tower, 1);
}

/* Ends those of the list that have had their turn while others are held for them. That is no word
 * of the domain's: nothing is stored, and who waits is answered as at a deadline. */
static void end_turns(struct mtasts_tower *tower, enum mtasts_flight_list list) {
  int64_t then = mtasts_uptime() - MTASTS_PLACES_TURN_MS;
  struct mtasts_flight *flight = TAILQ_FIRST(&tower->flights.lists[list]);
  struct mtasts_flight *next;
  for (; flight; flight = next) {
    next = TAILQ_NEXT(flight, link);
    if (flight->since > then || !flight->origin.fetches ||
        !mtasts_origins_waited_for(&flight->origin))
      continue;
    mtasts_places_leave(tower, flight);
    mtasts_tower_finish(tower, flight, MTASTS_TIMEOUT);
  }
}

void mtasts_places_go(struct mtasts_tower *tower) {
  if (tower->flights.counts[MTASTS_FLIGHT_HELD] == 0 || !mtasts_seldom(&tower->looked, LOOK_MS))
    return;
  release(tower, SIZE_MAX);
  end_turns(tower, MTASTS_FLIGHT_AIR);
  end_turns(tower, MTASTS_FLIGHT_AIR_NETWORK);
  end_turns(tower, MTASTS_FLIGHT_AIR_BEHIND);
  end_turns(tower, MTASTS_FLIGHT_AIR_SLOW);
}

/* places */

/* Too many take long: ends one, of the owner who has the most in the air. That is no word of the
 * domain's: nothing is stored, and who waits is answered as at a deadline. */
static void end_one(struct mtasts_tower *tower) {
  struct mtasts_flight *chosen = NULL;
  struct mtasts_flight *flight;
  TAILQ_FOREACH(flight, &tower->flights.lists[MTASTS_FLIGHT_AIR_SLOW], link)
  if (!chosen || mtasts_flight_company(flight) > mtasts_flight_company(chosen))
    chosen = flight;
  if (!chosen)
    return;
  mtasts_places_leave(tower, chosen);
  mtasts_tower_finish(tower, chosen, MTASTS_TIMEOUT);
}

/* The one of that kind that is in the air for the longest; of any kind, if there is none of it. */
static struct mtasts_flight *oldest_of(const struct mtasts_tower *tower,
                                       enum mtasts_flight_list kind) {
  static const enum mtasts_flight_list kinds[] = {MTASTS_FLIGHT_AIR, MTASTS_FLIGHT_AIR_NETWORK,
                                                  MTASTS_FLIGHT_AIR_BEHIND};
  struct mtasts_flight *oldest = TAILQ_FIRST(&tower->flights.lists[kind]);
  if (oldest)
    return oldest;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    struct mtasts_flight *flight = TAILQ_FIRST(&tower->flights.lists[kinds[i]]);
    if (flight && (!oldest || flight->since < oldest->since))
      oldest = flight;
  }
  return oldest;
}

/*
 * Others wait: one that takes long gives up its place. It goes on beside the places, as long as
 * there are not too many of those either. False: not yet.
 */
static bool make_place(struct mtasts_tower *tower, enum mtasts_flight_list kind) {
  struct mtasts_flights *flights = &tower->flights;
  struct mtasts_flight *oldest = oldest_of(tower, kind);
  if (!oldest)
    return false;
  int64_t left = oldest->since + SLOW_MS - mtasts_uptime();
  if (left > 0) {
    const struct timeval wait = {left / 1000, left % 1000 * 1000};
    if (!evtimer_pending(tower->turn, NULL))
      evtimer_add(tower->turn, &wait);
    return false;
  }
  if (flights->counts[MTASTS_FLIGHT_AIR_SLOW] >= tower->in_flight)
    end_one(tower);
  mtasts_flights_move(flights, oldest, MTASTS_FLIGHT_AIR_SLOW);
  return true;
}

/*
 * Is there a place for one more of this kind? A quarter of the places is kept from questions, and a
 * quarter from refreshing: hosts that never answer hold up those of their own kind, but neither can
 * questions stop all refreshing, nor refreshing all questions. What only peers over TCP wait for
 * has half of the places, and leaves that quarter to other questions: any user of this host may ask
 * there. One owner has a quarter at most.
 */
static bool has_place(const struct mtasts_tower *tower, enum mtasts_flight_list to) {
  const size_t *counts = tower->flights.counts;
  size_t network = counts[MTASTS_FLIGHT_AIR_NETWORK];
  size_t quarter = tower->in_flight < 4 ? tower->in_flight / 2 : tower->in_flight / 4;
  size_t half = tower->in_flight - tower->in_flight / 2;
  size_t most = tower->in_flight - quarter;
  if (places(tower) >= tower->in_flight)
    return false;
  if (to != MTASTS_FLIGHT_AIR_BEHIND && counts[MTASTS_FLIGHT_AIR] + network >= most)
    return false;
  if (to != MTASTS_FLIGHT_AIR && counts[MTASTS_FLIGHT_AIR_BEHIND] + network >= most)
    return false;
  return to != MTASTS_FLIGHT_AIR_NETWORK || network < half;
}

bool mtasts_places_find(struct mtasts_tower *tower, enum mtasts_flight_list kind) {
  return has_place(tower, kind) || make_place(tower, kind);
}
