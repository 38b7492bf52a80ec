#include "watchdog.h"

#include "log.h"
#include "service.h"

static bool lives(const struct mtasts_health *health) {
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++)
    if (mtasts_health_silence(health, loop) > MTASTS_HEALTH_SILENCE_MS)
      return false;
  return true;
}

void mtasts_watchdog_step(struct mtasts_watchdog *watchdog) {
  bool live = lives(&watchdog->health);
  mtasts_health_ask(&watchdog->health);
  if (live)
    mtasts_service_notify("WATCHDOG=1");
  else if (!watchdog->silent)
    mtasts_log(MTASTS_LOG_ERROR,
               "a loop has not moved for %d seconds: if it stays so, systemd's "
               "watchdog restarts the service",
               MTASTS_HEALTH_SILENCE_MS / 1000);
  watchdog->silent = !live;
}
