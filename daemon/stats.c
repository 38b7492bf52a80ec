#include "stats.h"

#include "strbuf.h"

static const char failures[] = "mtasts_lookup_failures_total";
static const char failures_help[] = "Look-ups that failed, by RFC 8460's result types and our own.";

static const char reports[] = "mtasts_reports";
static const char reports_help[] =
    "TLS reports of this site, of the two days before today, by what became of them.";
static const char refused[] = "mtasts_outcomes_refused_total";
static const char refused_help[] = "Outcomes that were not counted, by the reason.";

const struct mtasts_counter_words mtasts_counter_words[MTASTS_COUNTERS] = {
    [MTASTS_COUNT_REQUESTS] = {"requests", "mtasts_requests_total",
                               "Requests on the socketmap and ask sockets."},
    [MTASTS_COUNT_HITS] = {"hits", "mtasts_cache_hits_total",
                           "Questions answered from the cache at once."},
    [MTASTS_COUNT_STALE] =
        {"stale", "mtasts_stale_answers_total",
         "Hits answered by a policy in force that could not be checked or refreshed."},
    [MTASTS_COUNT_OVERRIDES] = {"overrides", "mtasts_override_answers_total",
                                "Requests answered by an override of the configuration."},
    [MTASTS_COUNT_MISSES] = {"misses", "mtasts_cache_misses_total",
                             "Questions whose answer the cache did not hold."},
    [MTASTS_COUNT_UNKNOWN] = {"unknown", "mtasts_unknown_answers_total",
                              "Requests answered with the verdict unknown: the look-up took too "
                              "long, or too many waited."},
    [MTASTS_COUNT_MALFORMED] = {"malformed", "mtasts_malformed_requests_total",
                                "Connections closed for a malformed request."},
    [MTASTS_COUNT_LOOKUPS] = {"lookups", "mtasts_lookups_total",
                              "Look-ups of domains that have ended."},
    [MTASTS_COUNT_REFRESHES] =
        {"refreshes", "mtasts_refreshes_total",
         "Look-ups that no request waited for: checks after an answer, and refreshes."},
    [MTASTS_COUNT_DNS_FAILURES] = {"dns_failures", failures, failures_help, MTASTS_ERROR_DNS},
    [MTASTS_COUNT_DNSSEC_FAILURES] = {"dnssec_failures", failures, failures_help,
                                      MTASTS_ERROR_DNSSEC},
    [MTASTS_COUNT_INVALID_RECORDS] = {"invalid_records", failures, failures_help,
                                      MTASTS_ERROR_RECORD_INVALID},
    [MTASTS_COUNT_FETCH_FAILURES] = {"fetch_failures", failures, failures_help,
                                     MTASTS_ERROR_POLICY_FETCH},
    [MTASTS_COUNT_INVALID_POLICIES] = {"invalid_policies", failures, failures_help,
                                       MTASTS_ERROR_POLICY_INVALID},
    [MTASTS_COUNT_WEBPKI_FAILURES] = {"webpki_failures", failures, failures_help,
                                      MTASTS_ERROR_WEBPKI_INVALID},
    [MTASTS_COUNT_DANE_FAILURES] =
        {"dane_failures", "mtasts_dane_failures_total",
         "Look-ups after which a domain's mail is deferred for its DNSSEC or TLSA records."},
    [MTASTS_COUNT_DNSSEC_BROKEN] =
        {"dnssec_broken", "mtasts_dnssec_broken_checks_total",
         "Checks of the root's key that found that DNSSEC validation fails here."},
    [MTASTS_COUNT_ALERTS] =
        {"alerts", "mtasts_alerts_total",
         "Alerts: enforce policies near their end, or at it, that could not be refreshed."},
    [MTASTS_COUNT_OUTCOMES] = {"outcomes", "mtasts_outcomes_total",
                               "Datagrams by which MTAs reported outcomes of sessions."},
    [MTASTS_COUNT_OUTCOME_FAILURES] = {"outcome_failures", "mtasts_outcome_failures_total",
                                       "Outcomes of sessions that failed."},
    [MTASTS_COUNT_OUTCOME_MALFORMED] = {"outcome_malformed", "mtasts_outcomes_malformed_total",
                                        "Datagrams that were not outcomes."},
    [MTASTS_COUNT_OUTCOME_RECORDED] = {"outcomes_recorded", "mtasts_outcomes_recorded_total",
                                       "Outcomes written to the store."},
    [MTASTS_COUNT_REFUSED_EMPTY] = {NULL, refused, refused_help, .label = "reason=\"empty\""},
    [MTASTS_COUNT_REFUSED_OVERSIZED] = {NULL, refused, refused_help,
                                        .label = "reason=\"oversized\""},
    [MTASTS_COUNT_REFUSED_NO_OBJECT] = {NULL, refused, refused_help,
                                        .label = "reason=\"no-object\""},
    [MTASTS_COUNT_REFUSED_VERSION] = {NULL, refused, refused_help,
                                      .label = "reason=\"bad-version\""},
    [MTASTS_COUNT_REFUSED_DOMAIN] = {NULL, refused, refused_help, .label = "reason=\"bad-domain\""},
    [MTASTS_COUNT_REFUSED_TYPE] = {NULL, refused, refused_help,
                                   .label = "reason=\"bad-policy-type\""},
    [MTASTS_COUNT_REFUSED_FLAG] = {NULL, refused, refused_help, .label = "reason=\"bad-flag\""},
    [MTASTS_COUNT_REFUSED_NO_ROOM] = {"outcomes_no_room", refused, refused_help,
                                      .label = "reason=\"no-room\""},
    [MTASTS_COUNT_RECHECKS] = {"rechecks", "mtasts_rechecks_total",
                               "TXT records rechecked after a session failed under a policy."},
    [MTASTS_COUNT_STORE_FAILURES] =
        {"store_failures", "mtasts_cache_failures_total",
         "Reads or writes of the cache that failed. A full cache is not a failure."},
    [MTASTS_COUNT_CACHE_DAMAGES] = {"cache_damages", "mtasts_cache_damages_total",
                                    "Salvages of a damaged cache that have begun."},
    [MTASTS_COUNT_OUTCOME_FAILING] = {"outcome_store_fails", "mtasts_outcome_store_fails",
                                      "1 while the store of outcomes cannot be written.",
                                      .gauge = true},
    [MTASTS_COUNT_OUTCOME_BYTES] = {"outcome_store_bytes", "mtasts_outcome_store_bytes",
                                    "Bytes of the store of outcomes that are in use.",
                                    .gauge = true},
    [MTASTS_COUNT_OUTCOME_DAYS] = {"outcome_days", "mtasts_outcome_days",
                                   "Days whose outcomes are in the store.", .gauge = true},
    [MTASTS_COUNT_REPORTS_SENT] = {"reports_sent", reports, reports_help, .gauge = true,
                                   .label = "status=\"sent\""},
    [MTASTS_COUNT_REPORTS_DEFERRED] = {"reports_deferred", reports, reports_help, .gauge = true,
                                       .label = "status=\"deferred\""},
    [MTASTS_COUNT_REPORTS_EXPIRED] = {"reports_expired", reports, reports_help, .gauge = true,
                                      .label = "status=\"expired\""},
    [MTASTS_COUNT_REPORTS_NO_RECORD] = {"reports_no_record", reports, reports_help, .gauge = true,
                                        .label = "status=\"no-record\""},
    [MTASTS_COUNT_REPORTS_SUPPRESSED] = {"reports_suppressed", reports, reports_help, .gauge = true,
                                         .label = "status=\"suppressed\""},
    [MTASTS_COUNT_IN_FLIGHT] = {"in_flight", "mtasts_lookups_in_flight",
                                "Look-ups that are running.", .gauge = true},
    [MTASTS_COUNT_WAITING] = {"waiting", "mtasts_lookups_waiting", "Look-ups that are queued.",
                              .gauge = true},
    [MTASTS_COUNT_CONNECTIONS] = {"connections", "mtasts_connections",
                                  "Connections open on the socketmap and ask sockets.",
                                  .gauge = true},
};

/* The clock has a resolution of a few milliseconds. */
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
  struct mtasts_strbuf text = {.data = out, .size = size};
  for (enum mtasts_counter i = 0; i < MTASTS_COUNTERS; i++)
    if (mtasts_counter_words[i].key)
      mtasts_strbuf_printf(&text, "%s\"%s\":%llu", i == 0 ? "{" : ",", mtasts_counter_words[i].key,
                           mtasts_count_get(stats, i));
  mtasts_strbuf_printf(&text, ",\"waited_ms\":%llu,\"waits\":{",
                       atomic_load_explicit(&stats->waited, memory_order_relaxed));
  for (int i = 0; i < MTASTS_WAITS; i++)
    mtasts_strbuf_printf(&text, "\"%lld\":%llu,", (long long)mtasts_wait_bounds[i],
                         waits(stats, i));
  mtasts_strbuf_printf(&text, "\"more\":%llu}}", waits(stats, MTASTS_WAITS));
  return text.full ? 0 : text.len;
}
