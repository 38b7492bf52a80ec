/*
 * lookup_log.h: logs and counts the results of look-ups, and raises alerts.
 *
 * It logs a policy that is new or has changed, and a failure while a policy is in force. It also
 * logs that an enforce policy which cannot be refreshed nears its end: that may be an attack (RFC
 * 8461 section 10.2). Successful look-ups without a change are not logged.
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
  const struct mtasts_entry *before; /* the entry then; its pointers are not followed */
  const struct mtasts_discovery *discovery;
  bool waited; /* a request waited for it */
  int64_t now;
};

void mtasts_lookup_log_write(const struct mtasts_lookup_log *lookup, struct mtasts_stats *stats);

/* Logs that DNSSEC validation fails here, cannot be checked, or works again. required: dns.dnssec.
 */
void mtasts_lookup_log_dnssec(const struct mtasts_validator_check *check, bool required);

/* Logs that the MTAs' resolver sets the AD bit now, or no longer does. */
void mtasts_lookup_log_ad(const struct mtasts_ad_answer *answer, enum mtasts_without_ad without_ad);

/* Logs that the clock has jumped by so many seconds; 0: that it shows less than before. */
void mtasts_lookup_log_tell_clock(int64_t jump, bool in_doubt, int64_t now);

#endif
