#include "stats.h"

#include <stdio.h>

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

size_t mtasts_stats_text(const struct mtasts_stats *stats, char *out, size_t size) {
  size_t used = 0;
  for (enum mtasts_counter i = 0; i < MTASTS_COUNTERS; i++) {
    int n = snprintf(out + used, size - used, "%s\"%s\":%llu", i == 0 ? "{" : ",", names[i],
                     mtasts_counted(stats, i));
    if (n < 0 || (size_t)n >= size - used)
      return 0;
    used += (size_t)n;
  }
  if (size - used < 2)
    return 0;
  out[used++] = '}';
  return used;
}
