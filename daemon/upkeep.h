/*
 * upkeep.h: what the thread of main.c does from time to time while both loops work: it opens
 * sockets that could not be opened before or were removed (doors.h), sees whether the cache is in
 * its place (cache_place.h), and tells systemd's watchdog that all goes on (watchdog.h).
 */
#ifndef MTASTS_UPKEEP_H
#define MTASTS_UPKEEP_H

#include "cache_place.h"
#include "doors.h"
#include "health.h"
#include "metrics.h"

struct mtasts_upkeep;

struct mtasts_upkeep_options {
  struct event_base *base;
  struct mtasts_doors *doors;
  struct mtasts_cache_place *place;
  struct mtasts_metrics *metrics; /* NULL: none */
  struct mtasts_health health;    /* for the watchdog */
  int64_t watchdog;               /* milliseconds, as mtasts_service_watchdog says; 0: none */
};

/* NULL: no memory. */
struct mtasts_upkeep *mtasts_upkeep_new(const struct mtasts_upkeep_options *options);

/* To be called before what it was given; NULL is fine. */
void mtasts_upkeep_free(struct mtasts_upkeep *upkeep);

/* Tells systemd which sockets are not open, in `first` as well, such as "READY=1". */
void mtasts_upkeep_notify(const struct mtasts_doors *doors, const char *first);

#endif
