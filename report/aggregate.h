/*
 * aggregate.h: the counters of outcomes, in one write transaction of the store (outcome_store.h).
 *
 * Keys are whole: day, domain, and digests of the packed policy and detail (outcome_form.h).
 * Counters are sums. So the counters of several machines can be added up key by key.
 *
 *   domains   day, domain                            what the domain is; number of its policies
 *   policies  day, domain, policy's digest           sessions; number of details; the policy
 *   details   those, result type, detail's digest    count; the detail
 *   shares    day, organisation                      bytes
 *
 * Bounds. A policy has at most MTASTS_DETAILS_MAX details, a domain and day MTASTS_POLICIES_MAX
 * policies. What is beyond is counted under the same result type with nothing else in the detail;
 * under the same policy-type and policy-domain without policy-string and mx-host, or if even those
 * are too many, under the policy-type and the domain. Such a collecting detail or policy takes the
 * place of one that was there, which it then counts as well: no count is lost. If a bound of the
 * store itself is near, an organisation (a guess, engine/organisation.h) that has its share gets no
 * new keys but collecting ones; others do.
 *
 * Functions return 0, an errno or an LMDB error.
 */
#ifndef MTASTS_REPORT_AGGREGATE_H
#define MTASTS_REPORT_AGGREGATE_H

#include "counter_record.h"

enum {
  MTASTS_DETAILS_MAX = 1000, /* of a policy */
  MTASTS_POLICIES_MAX = 100, /* of a domain and day */
};

struct mtasts_aggregate {
  MDB_txn *txn; /* for writing */
  const struct mtasts_counter_tables *tables;
  uint64_t share; /* bytes that one organisation and day may have */
};

/* A domain has no counters yet, and its organisation has its share. */
struct mtasts_aggregate_refused {
  bool domain; /* the recipient's: nothing was added */
  bool base;   /* a TLSA base domain: the recipient's has the session, that one does not */
};

/* Adds `count` sessions of one packed outcome to a day. */
int mtasts_aggregate_add(const struct mtasts_aggregate *aggregate, uint32_t day,
                         struct mtasts_span outcome, uint64_t count,
                         struct mtasts_aggregate_refused *refused);

#endif
