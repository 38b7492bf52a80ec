/*
 * fallback.h: what mtastsd would rule, told without it from what its cache holds. An unexpired
 * policy governs still (RFC 8461 section 5.1), DANE does for a day after it has lapsed, and an
 * override does; that a domain has none is known until its next check. Pure.
 */
#ifndef MTASTS_FALLBACK_H
#define MTASTS_FALLBACK_H

#include "config.h"
#include "entry_reply.h"

/*
 * entry: what the cache holds (mtasts_tree_read in tree_check.h), or NULL. now: seconds since the
 * epoch. buffer: MTASTS_ENTRY_REPLY_MAX bytes, which the reply then points into. What is damaged is
 * a miss.
 */
void mtasts_fallback_reply(const struct mtasts_config *config, const struct mtasts_domain *domain,
                           const struct mtasts_entry *entry, int64_t now, char *buffer,
                           struct mtasts_entry_reply *entry_reply);

#endif
