#include "flights.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "organisation.h"

struct mtasts_share {
  char name[MTASTS_DOMAIN_MAX + 1]; /* first: tsearch(3) compares by it */
  LIST_ENTRY(mtasts_share) link;
  size_t flights;
  size_t in_air;
  struct mtasts_flight_queue aside;
};

void mtasts_flights_init(struct mtasts_flights *flights, void *owner) {
  *flights = (struct mtasts_flights){.owner = owner};
  for (int i = 0; i < MTASTS_FLIGHT_LISTS; i++)
    TAILQ_INIT(&flights->lists[i]);
  LIST_INIT(&flights->shares);
}

/* shares */

static int compare_names(const void *a, const void *b) {
  return strcmp(a, b);
}

static struct mtasts_share *share_of(struct mtasts_flights *flights,
                                     const struct mtasts_domain *domain) {
  const char *name = domain->name + mtasts_organisation_start(domain->name, domain->len);
  struct mtasts_share *const *found = tfind(name, &flights->by_owner, compare_names);
  if (found)
    return *found;
  struct mtasts_share *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  memcpy(made->name, name, strlen(name) + 1);
  TAILQ_INIT(&made->aside);
  if (!tsearch(made, &flights->by_owner, compare_names)) {
    free(made);
    return NULL;
  }
  LIST_INSERT_HEAD(&flights->shares, made, link);
  return made;
}

/* Frees one that has no flights. */
static void drop_share(struct mtasts_flights *flights, struct mtasts_share *share) {
  if (share->flights > 0)
    return;
  tdelete(share, &flights->by_owner, compare_names);
  LIST_REMOVE(share, link);
  free(share);
}

static bool is_air(enum mtasts_flight_list list) {
  return list >= MTASTS_FLIGHT_AIR && list <= MTASTS_FLIGHT_HELD;
}

/* One of the owner's has landed: another one is first now. */
static void call_back(struct mtasts_flights *flights, struct mtasts_share *share) {
  struct mtasts_flight *flight = TAILQ_FIRST(&share->aside);
  if (!flight)
    return;
  TAILQ_REMOVE(&share->aside, flight, link);
  flight->aside = false;
  TAILQ_INSERT_HEAD(&flights->lists[flight->list], flight, link);
}

struct mtasts_flight *mtasts_flights_next(struct mtasts_flights *flights,
                                          enum mtasts_flight_list list, size_t most) {
  struct mtasts_flight *flight;
  while ((flight = TAILQ_FIRST(&flights->lists[list])) && flight->share->in_air >= most) {
    TAILQ_REMOVE(&flights->lists[list], flight, link);
    flight->aside = true;
    TAILQ_INSERT_TAIL(&flight->share->aside, flight, link);
  }
  return flight;
}

size_t mtasts_flight_company(const struct mtasts_flight *flight) {
  return flight->share->in_air;
}

struct mtasts_flight *mtasts_flights_any(const struct mtasts_flights *flights) {
  for (int list = 0; list < MTASTS_FLIGHT_LISTS; list++)
    if (!TAILQ_EMPTY(&flights->lists[list]))
      return TAILQ_FIRST(&flights->lists[list]);
  struct mtasts_share *share;
  LIST_FOREACH(share, &flights->shares, link)
  if (!TAILQ_EMPTY(&share->aside))
    return TAILQ_FIRST(&share->aside);
  return NULL;
}

/* flights */

struct mtasts_flight *mtasts_flights_find(const struct mtasts_flights *flights,
                                          const struct mtasts_domain *domain) {
  struct mtasts_flight *const *found = tfind(domain, &flights->by_domain, mtasts_domain_compare);
  return found ? *found : NULL;
}

static void enlist(struct mtasts_flights *flights, struct mtasts_flight *flight,
                   enum mtasts_flight_list list) {
  flight->list = list;
  flights->counts[list]++;
  if (is_air(list))
    flight->share->in_air++;
  TAILQ_INSERT_TAIL(&flights->lists[list], flight, link);
}

static void delist(struct mtasts_flights *flights, struct mtasts_flight *flight) {
  struct mtasts_share *share = flight->share;
  flights->counts[flight->list]--;
  if (flight->aside)
    TAILQ_REMOVE(&share->aside, flight, link);
  else
    TAILQ_REMOVE(&flights->lists[flight->list], flight, link);
  flight->aside = false;
  if (is_air(flight->list)) {
    share->in_air--;
    call_back(flights, share);
  }
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
  made->share = share_of(flights, domain);
  if (!made->share || !tsearch(made, &flights->by_domain, mtasts_domain_compare)) {
    if (made->share)
      drop_share(flights, made->share);
    free(made);
    return NULL;
  }
  made->share->flights++;
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
  tdelete(flight, &flights->by_domain, mtasts_domain_compare);
  flight->share->flights--;
  drop_share(flights, flight->share);
  free(flight->value);
  free(flight);
}

void mtasts_demand_add(struct mtasts_demand *demand, enum mtasts_job_kind kind,
                       enum mtasts_urgency urgency, struct mtasts_job *job) {
  demand->wanted = true;
  demand->waited |= urgency != MTASTS_URGENCY_BEHIND;
  if (urgency > demand->urgency)
    demand->urgency = urgency;
  if (kind > demand->kind)
    demand->kind = kind;
  if (job)
    STAILQ_INSERT_TAIL(&demand->jobs, job, link);
}
