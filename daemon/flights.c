#include "flights.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
  const struct mtasts_domain *one = a;
  const struct mtasts_domain *other = b;
  return strcmp(one->name, other->name);
}

void mtasts_flights_init(struct mtasts_flights *flights, void *owner) {
  *flights = (struct mtasts_flights){.owner = owner};
  for (int i = 0; i < MTASTS_FLIGHT_LISTS; i++)
    TAILQ_INIT(&flights->lists[i]);
}

struct mtasts_flight *mtasts_flights_find(const struct mtasts_flights *flights,
                                          const struct mtasts_domain *domain) {
  struct mtasts_flight *const *found = tfind(domain, &flights->by_domain, compare);
  return found ? *found : NULL;
}

static void enlist(struct mtasts_flights *flights, struct mtasts_flight *flight,
                   enum mtasts_flight_list list) {
  flight->list = list;
  flights->counts[list]++;
  TAILQ_INSERT_TAIL(&flights->lists[list], flight, link);
}

static void delist(struct mtasts_flights *flights, struct mtasts_flight *flight) {
  flights->counts[flight->list]--;
  TAILQ_REMOVE(&flights->lists[flight->list], flight, link);
}

struct mtasts_flight *mtasts_flights_add(struct mtasts_flights *flights,
                                         const struct mtasts_domain *domain,
                                         enum mtasts_flight_list list) {
  struct mtasts_flight *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  made->domain = *domain;
  made->owner = flights->owner;
  STAILQ_INIT(&made->demand.jobs);
  STAILQ_INIT(&made->next.jobs);
  if (!tsearch(made, &flights->by_domain, compare)) {
    free(made);
    return NULL;
  }
  enlist(flights, made, list);
  return made;
}

void mtasts_flights_move(struct mtasts_flights *flights, struct mtasts_flight *flight,
                         enum mtasts_flight_list list) {
  delist(flights, flight);
  enlist(flights, flight, list);
}

void mtasts_flights_remove(struct mtasts_flights *flights, struct mtasts_flight *flight) {
  delist(flights, flight);
  tdelete(flight, &flights->by_domain, compare);
  free(flight->value);
  free(flight);
}

void mtasts_demand_add(struct mtasts_demand *demand, enum mtasts_job_kind kind, bool waited,
                       struct mtasts_job *job) {
  demand->wanted = true;
  demand->waited |= waited;
  if (kind > demand->kind)
    demand->kind = kind;
  if (job)
    STAILQ_INSERT_TAIL(&demand->jobs, job, link);
}
