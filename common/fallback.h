/*
 * fallback.h: an entry reply made from the cache, if mtastsd does not answer. An unexpired policy
 * still governs (RFC 8461 section 5.1), DANE does for a day after it has lapsed, and an override
 * does. That a domain has no policy holds until its next check. Pure.
 */
#ifndef MTASTS_FALLBACK_H
#define MTASTS_FALLBACK_H

#include "config.h"
#include "entry_reply.h"

/*
 * entry: what the cache holds (mtasts_tree_read in tree_check.h), or NULL. now: seconds since the
 * epoch. buffer: MTASTS_ENTRY_REPLY_MAX bytes, which the reply then points into. A damaged entry
 * counts as absent.
 */
void mtasts_fallback_reply(const struct mtasts_config *config, const struct mtasts_domain *domain,
                           const struct mtasts_entry *entry, int64_t now, char *buffer,
                           struct mtasts_entry_reply *entry_reply);

#endif
