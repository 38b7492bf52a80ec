#include "health.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "status.h"
#include "store.h"
#include "walk.h"

static bool has_answered(const struct mtasts_health *health, enum mtasts_loop loop) {
  return atomic_load_explicit(&health->stats->seen[loop], memory_order_relaxed) >=
         health->asked[loop];
}

void mtasts_health_ask(struct mtasts_health *health) {
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++) {
    struct mtasts_job *ping = has_answered(health, loop) ? mtasts_job_new(MTASTS_JOB_PING) : NULL;
    if (!ping)
      continue;
    health->asked[loop] = mtasts_uptime();
    mtasts_queue_give(health->inboxes[loop], ping);
  }
}

int64_t mtasts_health_silence(const struct mtasts_health *health, enum mtasts_loop loop) {
  return has_answered(health, loop) ? 0 : mtasts_uptime() - health->asked[loop];
}

__attribute__((format(printf, 2, 3))) static void complain(char *words, const char *format, ...) {
  size_t used = strlen(words);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(words + used, MTASTS_HEALTH_WORDS - used, format, arguments);
  va_end(arguments);
}

bool mtasts_health_check(const struct mtasts_health *health, char words[MTASTS_HEALTH_WORDS]) {
  static const char *const names[] = {[MTASTS_LOOP_FRONT] = "front", [MTASTS_LOOP_NET] = "net"};
  struct mtasts_cache_space space;
  char closed[MTASTS_HEALTH_WORDS];
  words[0] = '\0';
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++) {
    int64_t silence = mtasts_health_silence(health, loop);
    if (silence > MTASTS_HEALTH_SILENCE_MS)
      complain(words, "the %s loop has not moved for %lld seconds\n", names[loop],
               (long long)(silence / 1000));
  }
  enum mtasts_status status = mtasts_cache_space(health->cache, &space);
  if (status != MTASTS_OK && !mtasts_cache_waits(health->cache))
    complain(words, "the cache cannot be read: %s\n", mtasts_env_reason(status, errno));
  if (atomic_load_explicit(&health->stats->store_fails, memory_order_relaxed))
    complain(words, "the cache cannot be written: see the log\n");
  if (health->place && health->place->lost)
    complain(words, "the cache %s was renamed or removed: put it back, or restart mtastsd\n",
             health->place->directory);
  if (health->doors && mtasts_doors_closed(health->doors, closed, sizeof closed) > 0)
    complain(words, "%s", closed);
  bool well = words[0] == '\0';
  if (well)
    complain(words, "ok\n");
  return well;
}
