/*
 * health.h: are both loops alive, is every socket open, and can the cache be read and written?
 *
 * Each loop is asked for a sign of life through its inbox, one question at a time, so that a loop
 * that hangs is known by the age of the question it has not read. Nothing is asked of a loop while
 * nobody wants to know, and no timer runs in it for this.
 *
 * For one thread, which is neither loop.
 */
#ifndef MTASTS_HEALTH_H
#define MTASTS_HEALTH_H

#include "cache_location.h"
#include "listeners.h"
#include "stats.h"

enum {
  MTASTS_HEALTH_SILENCE_MS = 30000, /* a loop that has been silent for longer hangs */
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

/* Asks each loop that has answered the last time. To be called every few seconds. */
void mtasts_health_ask(struct mtasts_health *health);

/* How long the loop has left a question unanswered, in milliseconds. */
int64_t mtasts_health_silence(const struct mtasts_health *health, enum mtasts_loop loop);

/* Is all well? Writes "ok" or what is not, a line each. */
bool mtasts_health_check(const struct mtasts_health *health, char words[MTASTS_HEALTH_TEXT]);

#endif
