#include "stats.h"

#include <stdarg.h>
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

/* Adds to what is used of out; past its size, *used is at least that. */
__attribute__((format(printf, 4, 5))) static void add(char *out, size_t size, size_t *used,
                                                      const char *format, ...) {
  va_list arguments;
  if (*used >= size)
    return;
  va_start(arguments, format);
  int n = vsnprintf(out + *used, size - *used, format, arguments);
  va_end(arguments);
  *used = n < 0 ? size : *used + (size_t)n;
}

static unsigned long long waits(const struct mtasts_stats *stats, int kind) {
  return atomic_load_explicit(&stats->waits[kind], memory_order_relaxed);
}

size_t mtasts_stats_text(const struct mtasts_stats *stats, char *out, size_t size) {
  size_t used = 0;
  for (enum mtasts_counter i = 0; i < MTASTS_COUNTERS; i++)
    add(out, size, &used, "%s\"%s\":%llu", i == 0 ? "{" : ",", names[i], mtasts_counted(stats, i));
  add(out, size, &used, ",\"waited_ms\":%llu,\"waits\":{",
      atomic_load_explicit(&stats->waited, memory_order_relaxed));
  for (int i = 0; i < MTASTS_WAITS; i++)
    add(out, size, &used, "\"%lld\":%llu,", (long long)mtasts_wait_bounds[i], waits(stats, i));
  add(out, size, &used, "\"more\":%llu}}", waits(stats, MTASTS_WAITS));
  return used < size ? used : 0;
}
