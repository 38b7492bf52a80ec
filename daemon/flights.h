/*
 * flights.h: the look-ups of the net loop, one a domain: those that wait for their turn, those in
 * the air, those that have landed and are answered after their commit, and those whose result the
 * store did not take.
 *
 * Each organisational domain (organisation.h) has so many in the air at most. Its other ones stand
 * aside from their list until one of them lands, so that they hold up nobody else's.
 */
#ifndef MTASTS_FLIGHTS_H
#define MTASTS_FLIGHTS_H

#include <sys/queue.h>

#include "job.h"
#include "origins.h"

struct mtasts_lookup;

enum mtasts_flight_list {
  MTASTS_FLIGHT_WAITED,      /* for its turn; somebody waits for it */
  MTASTS_FLIGHT_NETWORK,     /* for its turn; only peers over TCP wait for it */
  MTASTS_FLIGHT_BEHIND,      /* for its turn, behind those */
  MTASTS_FLIGHT_AIR,         /* somebody waited for it when it began */
  MTASTS_FLIGHT_AIR_NETWORK, /* only peers over TCP did */
  MTASTS_FLIGHT_AIR_BEHIND,  /* nobody did */
  MTASTS_FLIGHT_AIR_SLOW,    /* in the air, but its place is another's: it takes long */
  MTASTS_FLIGHT_HELD,        /* begun; others fetch from the address of its policy host: places.h */
  MTASTS_FLIGHT_LANDED,
  MTASTS_FLIGHT_KEPT, /* answered; nobody wants anything, but what was learnt is known here alone */
  MTASTS_FLIGHT_LISTS,
};

/* What is wanted of a look-up, by all who want it. */
struct mtasts_demand {
  enum mtasts_job_kind kind; /* the most that was asked for: LOOK_UP < RECHECK < REFRESH */
  bool wanted;
  bool waited;
  enum mtasts_urgency urgency; /* of all who want it, the most */
  struct mtasts_jobs jobs;     /* to be answered */
};

/* What the domains of one owner have. */
struct mtasts_share;

struct mtasts_flight {
  struct mtasts_domain domain; /* first: tsearch(3) compares flights and domains by it */
  void *owner;
  struct mtasts_demand demand;
  struct mtasts_demand next;   /* what came when it was too late for this flight to do it */
  enum mtasts_job_kind serves; /* of a flight that has begun: the most that it does */

  struct mtasts_lookup *lookup; /* in the air */
  struct mtasts_entry before;   /* what was known when it began, without names and detail */

  /* The answer, of one that has landed, or of one before that was not stored. */
  enum mtasts_freshness freshness;
  unsigned char *value;
  size_t value_size; /* bytes */
  bool unsaved;      /* the store did not take it */
  bool told;         /* the front loop has it: MTASTS_JOB_NEWER */

  struct mtasts_share *share;
  struct mtasts_origin_use origin;
  int64_t since; /* in the air, by mtasts_uptime */

  enum mtasts_flight_list list;
  bool aside; /* not in that list: its owner has enough in the air */
  TAILQ_ENTRY(mtasts_flight) link;
};

TAILQ_HEAD(mtasts_flight_queue, mtasts_flight);

struct mtasts_flights {
  void *owner;
  void *by_domain; /* tsearch(3) */
  void *by_owner;  /* shares, likewise */
  LIST_HEAD(mtasts_share_list, mtasts_share) shares;
  struct mtasts_flight_queue lists[MTASTS_FLIGHT_LISTS];
  size_t counts[MTASTS_FLIGHT_LISTS];
};

void mtasts_flights_init(struct mtasts_flights *flights, void *owner);

struct mtasts_flight *mtasts_flights_find(const struct mtasts_flights *flights,
                                          const struct mtasts_domain *domain);
/* The first of a list whose owner has fewer than `most` in the air; NULL: there is none. Those
 * before it stand aside. */
struct mtasts_flight *mtasts_flights_next(struct mtasts_flights *flights,
                                          enum mtasts_flight_list list, size_t most);
/* Any; NULL: there is none. */
struct mtasts_flight *mtasts_flights_any(const struct mtasts_flights *flights);
/* How many its owner has in the air. */
size_t mtasts_flight_company(const struct mtasts_flight *flight);

/* Of a domain that has none; at the end of a list. NULL: no memory. */
struct mtasts_flight *mtasts_flights_add(struct mtasts_flights *flights,
                                         const struct mtasts_domain *domain,
                                         enum mtasts_flight_list list);
/* To the end of a list. */
void mtasts_flights_move(struct mtasts_flights *flights, struct mtasts_flight *flight,
                         enum mtasts_flight_list list);
/* Frees the flight and its value; its jobs have been answered and its look-up ended. */
void mtasts_flights_remove(struct mtasts_flights *flights, struct mtasts_flight *flight);

/* Adds to what is wanted. job: NULL where nobody wants an answer. */
void mtasts_demand_add(struct mtasts_demand *demand, enum mtasts_job_kind kind,
                       enum mtasts_urgency urgency, struct mtasts_job *job);

#endif
