#include "flights.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static struct mtasts_flight *add(struct mtasts_flights *flights, const char *name) {
  struct mtasts_domain domain = {.len = strlen(name)};
  memcpy(domain.name, name, domain.len + 1);
  struct mtasts_flight *flight = mtasts_flights_add(flights, &domain, MTASTS_FLIGHT_WAITED);
  CU_ASSERT_PTR_NOT_NULL_FATAL(flight);
  return flight;
}

/* The one that may start, or "". */
static const char *next(struct mtasts_flights *flights, size_t most) {
  const struct mtasts_flight *flight = mtasts_flights_next(flights, MTASTS_FLIGHT_WAITED, most);
  return flight ? flight->domain.name : "";
}

/* Starts as many as may. */
static void launch(struct mtasts_flights *flights, size_t most) {
  struct mtasts_flight *flight;
  while ((flight = mtasts_flights_next(flights, MTASTS_FLIGHT_WAITED, most)))
    mtasts_flights_move(flights, flight, MTASTS_FLIGHT_AIR);
}

static void shares(void) {
  enum {
    MANY = 1000,
    MOST = 4
  };
  struct mtasts_flights flights;
  char name[64];
  mtasts_flights_init(&flights, NULL);
  CU_ASSERT_PTR_NULL(mtasts_flights_any(&flights));
  for (int i = 0; i < MANY; i++) {
    snprintf(name, sizeof name, "x%d.evil.example", i);
    add(&flights, name);
  }
  launch(&flights, MOST);
  CU_ASSERT_EQUAL(flights.counts[MTASTS_FLIGHT_AIR], MOST);
  CU_ASSERT_EQUAL(flights.counts[MTASTS_FLIGHT_WAITED], MANY - MOST); /* those aside count */
  CU_ASSERT_STRING_EQUAL(next(&flights, MOST), "");

  /* Others are not held up. */
  add(&flights, "good.example");
  CU_ASSERT_STRING_EQUAL(next(&flights, MOST), "good.example");
  launch(&flights, MOST);
  CU_ASSERT_EQUAL(flights.counts[MTASTS_FLIGHT_AIR], MOST + 1);

  /* A slow one counts as before; one that lands makes room for one. */
  struct mtasts_flight *first = TAILQ_FIRST(&flights.lists[MTASTS_FLIGHT_AIR]);
  CU_ASSERT_EQUAL(mtasts_flight_company(first), MOST);
  mtasts_flights_move(&flights, first, MTASTS_FLIGHT_AIR_SLOW);
  CU_ASSERT_EQUAL(mtasts_flight_company(first), MOST);
  CU_ASSERT_STRING_EQUAL(next(&flights, MOST), "");
  mtasts_flights_move(&flights, first, MTASTS_FLIGHT_LANDED);
  launch(&flights, MOST);
  CU_ASSERT_EQUAL(mtasts_flight_company(first), MOST);

  /* One that stands aside may be found, moved and removed as any other. */
  struct mtasts_domain domain = {.len = strlen("x999.evil.example")};
  memcpy(domain.name, "x999.evil.example", domain.len + 1);
  struct mtasts_flight *aside = mtasts_flights_find(&flights, &domain);
  CU_ASSERT_PTR_NOT_NULL_FATAL(aside);
  CU_ASSERT_TRUE(aside->aside);
  mtasts_flights_move(&flights, aside, MTASTS_FLIGHT_BEHIND);
  CU_ASSERT_FALSE(aside->aside);
  CU_ASSERT_EQUAL(flights.counts[MTASTS_FLIGHT_BEHIND], 1);

  /* In whatever order they land, all of them have their turn. */
  size_t landed = 0;
  struct mtasts_flight *flight;
  while ((flight = TAILQ_LAST(&flights.lists[MTASTS_FLIGHT_AIR], mtasts_flight_queue))) {
    mtasts_flights_remove(&flights, flight);
    landed++;
    launch(&flights, MOST);
  }
  CU_ASSERT_EQUAL(landed, MANY + 1 - 2); /* the landed one and x999 */
  while ((flight = mtasts_flights_any(&flights)))
    mtasts_flights_remove(&flights, flight);
  CU_ASSERT_TRUE(LIST_EMPTY(&flights.shares));
  CU_ASSERT_PTR_NULL(flights.by_owner);
}

/* All of them are found at the end, also those aside. */
static void ends(void) {
  struct mtasts_flights flights;
  struct mtasts_flight *flight;
  char name[64];
  size_t count = 0;
  mtasts_flights_init(&flights, NULL);
  for (int i = 0; i < 10; i++) {
    snprintf(name, sizeof name, "x%d.evil.example", i);
    add(&flights, name);
  }
  launch(&flights, 2);
  for (; (flight = mtasts_flights_any(&flights)); count++)
    mtasts_flights_remove(&flights, flight);
  CU_ASSERT_EQUAL(count, 10);
  for (int list = 0; list < MTASTS_FLIGHT_LISTS; list++)
    CU_ASSERT_EQUAL(flights.counts[list], 0);
}

const char *const unit_name = "flights";
const struct unit_test unit_tests[] = {
    {"one owner has so many in the air, and holds up nobody", shares},
    {"none is forgotten at the end", ends},
    {NULL, NULL},
};
