/*
 * stats.h: the counters of mtastsd, and the state that its threads share. Any thread may write and
 * read all of it; `mtasts_stats_text` is the reply of the `stats` map of the ask socket.
 *
 * An answer from the cache updates one or two counters and reads no clock. Only answers that waited
 * for a look-up are timed.
 */
#ifndef MTASTS_STATS_H
#define MTASTS_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mtasts.h"
#include "ratelimit.h"

enum mtasts_counter {
  MTASTS_COUNT_REQUESTS,          /* on both sockets */
  MTASTS_COUNT_HITS,              /* answered from the cache at once */
  MTASTS_COUNT_STALE,             /* of those: a policy that could not be checked */
  MTASTS_COUNT_OVERRIDES,         /* answered by an override */
  MTASTS_COUNT_MISSES,            /* not in the cache, or perhaps outdated there */
  MTASTS_COUNT_UNKNOWN,           /* answered with unknown: too late, or too many */
  MTASTS_COUNT_MALFORMED,         /* connections closed for what they sent */
  MTASTS_COUNT_LOOKUPS,           /* ended */
  MTASTS_COUNT_REFRESHES,         /* of those: no request waited */
  MTASTS_COUNT_DNS_FAILURES,      /* of the TXT record: dns-error */
  MTASTS_COUNT_DNSSEC_FAILURES,   /* likewise: dnssec-invalid */
  MTASTS_COUNT_INVALID_RECORDS,   /* record-invalid */
  MTASTS_COUNT_FETCH_FAILURES,    /* sts-policy-fetch-error */
  MTASTS_COUNT_INVALID_POLICIES,  /* sts-policy-invalid */
  MTASTS_COUNT_WEBPKI_FAILURES,   /* sts-webpki-invalid */
  MTASTS_COUNT_DANE_FAILURES,     /* look-ups after which mail is deferred by RFC 7672 */
  MTASTS_COUNT_DNSSEC_BROKEN,     /* checks that found that nothing can be validated here */
  MTASTS_COUNT_ALERTS,            /* enforce policies that near their end without a refresh */
  MTASTS_COUNT_OUTCOMES,          /* datagrams read from MTAs */
  MTASTS_COUNT_OUTCOME_FAILURES,  /* of those: sessions that failed */
  MTASTS_COUNT_OUTCOME_MALFORMED, /* datagrams that were not outcomes */
  MTASTS_COUNT_OUTCOME_RECORDED,  /* outcomes written to the store */
  /* Outcomes that were not counted, in the order of enum mtasts_outcome_refusal. */
  MTASTS_COUNT_REFUSED_EMPTY,
  MTASTS_COUNT_REFUSED_OVERSIZED,
  MTASTS_COUNT_REFUSED_NO_OBJECT,
  MTASTS_COUNT_REFUSED_VERSION,
  MTASTS_COUNT_REFUSED_DOMAIN,
  MTASTS_COUNT_REFUSED_TYPE,
  MTASTS_COUNT_REFUSED_FLAG,
  MTASTS_COUNT_REFUSED_NO_ROOM,
  MTASTS_COUNT_RECHECKS,        /* TXT records rechecked after a failure */
  MTASTS_COUNT_STORE_FAILURES,  /* reads or writes of the cache */
  MTASTS_COUNT_CACHE_DAMAGES,   /* starts with a damaged cache */
  MTASTS_COUNT_OUTCOME_FAILING, /* 1 while the store of outcomes cannot be written */
  MTASTS_COUNT_OUTCOME_BYTES,   /* of the store of outcomes, now */
  MTASTS_COUNT_OUTCOME_DAYS,    /* in it, now */
  /* This site's own reports in the store, by status, now. */
  MTASTS_COUNT_REPORTS_SENT,
  MTASTS_COUNT_REPORTS_DEFERRED,
  MTASTS_COUNT_REPORTS_EXPIRED,
  MTASTS_COUNT_REPORTS_NO_RECORD,
  MTASTS_COUNT_REPORTS_SUPPRESSED,
  MTASTS_COUNT_IN_FLIGHT,   /* now */
  MTASTS_COUNT_WAITING,     /* queued look-ups, now */
  MTASTS_COUNT_CONNECTIONS, /* now */
  MTASTS_COUNTERS,
};

/* The external names of a counter, a row for each. */
struct mtasts_counter_words {
  const char *key;        /* in the reply of `stats`; NULL: not there */
  const char *metric;     /* for Prometheus; several in a row may share one */
  const char *help;       /* of the metric */
  enum mtasts_error type; /* the label that distinguishes those; NONE: no label */
  bool gauge;             /* it may fall */
  const char *label;      /* another label, as in reason="empty"; NULL: none */
};

extern const struct mtasts_counter_words mtasts_counter_words[MTASTS_COUNTERS];

enum {
  MTASTS_WAITS = 10, /* classes of waits by their length; one more is for waits past all bounds */
};

/* Milliseconds; the upper bound of each class, inclusive. */
extern const int64_t mtasts_wait_bounds[MTASTS_WAITS];

enum mtasts_loop {
  MTASTS_LOOP_FRONT,
  MTASTS_LOOP_NET,
  MTASTS_LOOPS,
};

struct mtasts_stats {
  atomic_ullong counts[MTASTS_COUNTERS];
  atomic_ullong waits[MTASTS_WAITS + 1]; /* of cache misses; 0 ms: could not wait */
  atomic_ullong waited;                  /* milliseconds, all of those together */
  atomic_llong seen[MTASTS_LOOPS]; /* when a loop last read its inbox, by mtasts_clock_coarse_ms */
  atomic_bool store_fails;         /* as mtasts_store_fails says */
  /* When the DNS worked again after an outage, or for the first time; seconds since the epoch. The
   * net loop sets it; the front loop uses it in its settings (discover.h). */
  atomic_llong resolver_back;
  atomic_bool dns_fails;       /* the resolver does not answer: outage.h */
  atomic_uint replaced;        /* times that the net loop began or ended to replace data.mdb */
  atomic_int host_ad;          /* enum mtasts_ad: of the resolver that the MTAs have */
  atomic_uint outcome_batches; /* given to the writer of outcomes, which has not taken them yet */
};

static inline void mtasts_count(struct mtasts_stats *stats, enum mtasts_counter counter) {
  atomic_fetch_add_explicit(&stats->counts[counter], 1, memory_order_relaxed);
}

static inline void mtasts_count_set(struct mtasts_stats *stats, enum mtasts_counter counter,
                                    unsigned long long value) {
  atomic_store_explicit(&stats->counts[counter], value, memory_order_relaxed);
}

static inline unsigned long long mtasts_count_get(const struct mtasts_stats *stats,
                                                  enum mtasts_counter counter) {
  return atomic_load_explicit(&stats->counts[counter], memory_order_relaxed);
}

static inline void mtasts_count_add(struct mtasts_stats *stats, enum mtasts_counter counter,
                                    unsigned long long more) {
  atomic_fetch_add_explicit(&stats->counts[counter], more, memory_order_relaxed);
}

/* A read of the cache gave no entry: there is none, or the read failed. */
static inline void mtasts_count_read(struct mtasts_stats *stats, enum mtasts_status status) {
  if (status != MTASTS_ABSENT)
    mtasts_count(stats, MTASTS_COUNT_STORE_FAILURES);
}

/* The loop is alive: it has read its inbox just now. */
static inline void mtasts_loop_seen(struct mtasts_stats *stats, enum mtasts_loop loop) {
  atomic_store_explicit(&stats->seen[loop], mtasts_clock_coarse_ms(), memory_order_relaxed);
}

/* The answer to a cache miss has waited so many milliseconds. */
void mtasts_count_wait(struct mtasts_stats *stats, int64_t ms);

/* A JSON object of all counters by their names, as in "requests"; then "waited_ms", and "waits",
 * the number of answers in each class, by its upper bound in milliseconds: {"10":5, "25":0, ...,
 * "more":1}. Returns its bytes; 0 if size is too small. */
size_t mtasts_stats_text(const struct mtasts_stats *stats, char *out, size_t size);

#endif
