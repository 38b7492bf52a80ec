#include "stats.h"

#include "text.h"

static const char *const names[MTASTS_COUNTERS] = {
    [MTASTS_COUNT_REQUESTS] = "requests",
    [MTASTS_COUNT_HITS] = "hits",
    [MTASTS_COUNT_STALE] = "stale",
    [MTASTS_COUNT_OVERRIDES] = "overrides",
    [MTASTS_COUNT_MISSES] = "misses",
    [MTASTS_COUNT_UNKNOWN] = "unknown",
    [MTASTS_COUNT_MALFORMED] = "malformed",
    [MTASTS_COUNT_LOOKUPS] = "lookups",
    [MTASTS_COUNT_REFRESHES] = "refreshes",
    [MTASTS_COUNT_DNS_FAILURES] = "dns_failures",
    [MTASTS_COUNT_DNSSEC_FAILURES] = "dnssec_failures",
    [MTASTS_COUNT_INVALID_RECORDS] = "invalid_records",
    [MTASTS_COUNT_FETCH_FAILURES] = "fetch_failures",
    [MTASTS_COUNT_INVALID_POLICIES] = "invalid_policies",
    [MTASTS_COUNT_WEBPKI_FAILURES] = "webpki_failures",
    [MTASTS_COUNT_DANE_FAILURES] = "dane_failures",
    [MTASTS_COUNT_DNSSEC_BROKEN] = "dnssec_broken",
    [MTASTS_COUNT_ALERTS] = "alerts",
    [MTASTS_COUNT_OUTCOMES] = "outcomes",
    [MTASTS_COUNT_OUTCOME_FAILURES] = "outcome_failures",
    [MTASTS_COUNT_OUTCOME_MALFORMED] = "outcome_malformed",
    [MTASTS_COUNT_RECHECKS] = "rechecks",
    [MTASTS_COUNT_STORE_FAILURES] = "store_failures",
    [MTASTS_COUNT_CACHE_DAMAGES] = "cache_damages",
    [MTASTS_COUNT_IN_FLIGHT] = "in_flight",
    [MTASTS_COUNT_WAITING] = "waiting",
    [MTASTS_COUNT_CONNECTIONS] = "connections",
};

/* The clock of waits is a few milliseconds coarse. */
const int64_t mtasts_wait_bounds[MTASTS_WAITS] = {10,  25,   50,   100,  250,
                                                  500, 1000, 2500, 5000, 10000};

void mtasts_count_wait(struct mtasts_stats *stats, int64_t ms) {
  int kind = 0;
  if (ms < 0)
    ms = 0;
  while (kind < MTASTS_WAITS && ms > mtasts_wait_bounds[kind])
    kind++;
  atomic_fetch_add_explicit(&stats->waits[kind], 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&stats->waited, (unsigned long long)ms, memory_order_relaxed);
}

static unsigned long long waits(const struct mtasts_stats *stats, int kind) {
  return atomic_load_explicit(&stats->waits[kind], memory_order_relaxed);
}

size_t mtasts_stats_text(const struct mtasts_stats *stats, char *out, size_t size) {
  struct mtasts_text text = {.data = out, .size = size};
  for (enum mtasts_counter i = 0; i < MTASTS_COUNTERS; i++)
    mtasts_text_printf(&text, "%s\"%s\":%llu", i == 0 ? "{" : ",", names[i],
                       mtasts_counted(stats, i));
  mtasts_text_printf(&text, ",\"waited_ms\":%llu,\"waits\":{",
                     atomic_load_explicit(&stats->waited, memory_order_relaxed));
  for (int i = 0; i < MTASTS_WAITS; i++)
    mtasts_text_printf(&text, "\"%lld\":%llu,", (long long)mtasts_wait_bounds[i], waits(stats, i));
  mtasts_text_printf(&text, "\"more\":%llu}}", waits(stats, MTASTS_WAITS));
  return text.full ? 0 : text.len;
}
