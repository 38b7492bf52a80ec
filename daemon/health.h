/*
 * health.h: are both loops alive, is every socket open, and can the cache be read and written?
 *
 * Each loop gets a ping through its inbox, one at a time. The age of an unread ping shows how long
 * a loop has been hanging. A loop gets pings only if something asks for its health, and no timer
 * runs in it for this.
 *
 * For one thread, which is neither loop.
 */
#ifndef MTASTS_HEALTH_H
#define MTASTS_HEALTH_H

#include "cache_location.h"
#include "listeners.h"
#include "stats.h"

enum {
  MTASTS_HEALTH_SILENCE_MS = 30000, /* a loop whose ping is older hangs */
  MTASTS_HEALTH_TEXT = 2048,        /* bytes, with the NUL */
};

struct mtasts_health {
  struct mtasts_stats *stats;
  struct mtasts_cache *cache;
  const struct mtasts_listeners *listeners;     /* NULL: none */
  const struct mtasts_cache_location *location; /* NULL: none */
  struct mtasts_queue *inboxes[MTASTS_LOOPS];
  int64_t asked[MTASTS_LOOPS]; /* by mtasts_clock_coarse_ms; 0: not yet */
};

/* Sends a ping to each loop that has read the last one. To be called every few seconds. */
void mtasts_health_ask(struct mtasts_health *health);

/* The age of the loop's unread ping, in milliseconds. */
int64_t mtasts_health_silence(const struct mtasts_health *health, enum mtasts_loop loop);

/* Is everything in order? Writes "ok", or a line for each fault. */
bool mtasts_health_check(const struct mtasts_health *health, char words[MTASTS_HEALTH_TEXT]);

#endif
