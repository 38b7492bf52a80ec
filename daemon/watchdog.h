/*
 * watchdog.h: systemd restarts a service that has not notified its watchdog for WatchdogSec of the
 * unit (sd_watchdog_enabled(3)). mtastsd sends notifications while both loops read their pings
 * (health.h). The thread of main.c sends them, so that systemd notices if any of the three threads
 * hangs.
 */
#ifndef MTASTS_WATCHDOG_H
#define MTASTS_WATCHDOG_H

#include "health.h"

struct mtasts_watchdog {
  struct mtasts_health health;
  bool silent; /* that a loop is silent was logged */
};

/* Pings the loops, and notifies systemd. To be called at least twice per mtasts_service_watchdog.
 */
void mtasts_watchdog_step(struct mtasts_watchdog *watchdog);

#endif
