/*
 * watchdog.h: systemd restarts a service that has not said for so long that it lives (WatchdogSec
 * of the unit, sd_watchdog_enabled(3)). This says so for as long as both loops give signs of life
 * (health.h); the thread that says it is that of main.c, so that one hangs none of the three
 * unseen.
 */
#ifndef MTASTS_WATCHDOG_H
#define MTASTS_WATCHDOG_H

#include "health.h"

struct mtasts_watchdog {
  struct mtasts_health health;
  bool silent; /* told in the log */
};

/* Asks the loops, and tells systemd. To be called at least twice in what mtasts_service_watchdog
 * says. */
void mtasts_watchdog_step(struct mtasts_watchdog *watchdog);

#endif
