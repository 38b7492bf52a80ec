#include "health.h"

#include <errno.h>

#include "error_map.h"
#include "store.h"
#include "strbuf.h"
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
    health->asked[loop] = mtasts_clock_coarse_ms();
    mtasts_queue_give(health->inboxes[loop], ping);
  }
}

int64_t mtasts_health_silence(const struct mtasts_health *health, enum mtasts_loop loop) {
  return has_answered(health, loop) ? 0 : mtasts_clock_coarse_ms() - health->asked[loop];
}

bool mtasts_health_check(const struct mtasts_health *health, char words[MTASTS_HEALTH_TEXT]) {
  static const char *const names[] = {[MTASTS_LOOP_FRONT] = "front", [MTASTS_LOOP_NET] = "net"};
  struct mtasts_cache_space space;
  char closed[MTASTS_HEALTH_TEXT];
  struct mtasts_strbuf text = {.data = words, .size = MTASTS_HEALTH_TEXT};
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++) {
    int64_t silence = mtasts_health_silence(health, loop);
    if (silence > MTASTS_HEALTH_SILENCE_MS)
      mtasts_strbuf_printf(&text, "the %s loop has not moved for %lld seconds\n", names[loop],
                           (long long)(silence / 1000));
  }
  enum mtasts_status status = mtasts_cache_space(health->cache, &space);
  if (status != MTASTS_OK && !mtasts_cache_waits(health->cache))
    mtasts_strbuf_printf(&text, "the cache cannot be read: %s\n", mtasts_env_reason(status, errno));
  if (atomic_load_explicit(&health->stats->store_fails, memory_order_relaxed))
    mtasts_strbuf_put(&text, "the cache cannot be written: see the log\n");
  if (health->location && health->location->lost)
    mtasts_strbuf_printf(&text,
                         "the cache %s was renamed or removed: put it back, or restart mtastsd\n",
                         health->location->directory);
  if (health->listeners && mtasts_listeners_failed(health->listeners, closed, sizeof closed) > 0)
    mtasts_strbuf_put(&text, closed);
  bool well = text.len == 0;
  if (well)
    mtasts_strbuf_put(&text, "ok\n");
  return well;
}
