/*
 * periodic_checks.h: what the thread of main.c does periodically while both loops work. It opens
 * sockets that could not be opened before or were removed (listeners.h), checks that the cache is
 * where it was (cache_location.h), and notifies systemd's watchdog (watchdog.h).
 */
#ifndef MTASTS_PERIODIC_CHECKS_H
#define MTASTS_PERIODIC_CHECKS_H

#include "cache_location.h"
#include "health.h"
#include "listeners.h"
#include "metrics.h"

struct mtasts_periodic_checks;

struct mtasts_periodic_checks_options {
  struct event_base *base;
  struct mtasts_listeners *listeners;
  struct mtasts_cache_location *location;
  struct mtasts_metrics *metrics; /* NULL: none */
  struct mtasts_health health;    /* for the watchdog */
  int64_t watchdog;               /* milliseconds, as mtasts_service_watchdog says; 0: none */
};

/* NULL: no memory. */
struct mtasts_periodic_checks *
mtasts_periodic_checks_new(const struct mtasts_periodic_checks_options *options);

/* To be called before its options' objects are freed; NULL is fine. */
void mtasts_periodic_checks_free(struct mtasts_periodic_checks *checks);

/* Sends systemd `first`, such as "READY=1", and a status that names the sockets that are not open.
 */
void mtasts_periodic_checks_notify(const struct mtasts_listeners *listeners, const char *first);

#endif
