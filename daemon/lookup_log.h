/*
 * lookup_log.h: what a look-up has come to, for people: log lines, alerts and counters.
 *
 * A policy that is new or has changed is told; so is a failure while a policy is in force, and
 * the end of an enforce policy that cannot be refreshed, which may be an attack (RFC 8461
 * section 10.2). Look-ups that go well are told to nobody.
 */
#ifndef MTASTS_LOOKUP_LOG_H
#define MTASTS_LOOKUP_LOG_H

#include "ad_check.h"
#include "config.h"
#include "discover.h"
#include "stats.h"
#include "validator.h"

struct mtasts_lookup_log {
  const struct mtasts_domain *domain;
  const struct mtasts_entry *before; /* what was known; nothing that it points to is used */
  const struct mtasts_discovery *discovery;
  bool waited; /* somebody waited for it */
  int64_t now;
};

void mtasts_lookup_log_write(const struct mtasts_lookup_log *lookup, struct mtasts_stats *stats);

/* DNSSEC does not work here any more, cannot be checked, or works again. required: dns.dnssec. */
void mtasts_lookup_log_dnssec(const struct mtasts_validator_check *check, bool required);

/* What the MTAs' resolver does about the AD bit has changed. */
void mtasts_lookup_log_ad(const struct mtasts_ad_answer *answer, enum mtasts_without_ad without_ad);

/* The clock has jumped by so many seconds, or (0) shows less than it has shown before. */
void mtasts_lookup_log_tell_clock(int64_t jump, bool in_doubt, int64_t now);

#endif
