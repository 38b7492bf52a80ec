/*
 * alone.h: what mtastsd would rule, told without it from what its cache holds. An unexpired policy
 * governs still (RFC 8461 section 5.1), DANE does for a day after it has lapsed, and an override
 * does; that a domain has none is known until its next check. Pure.
 */
#ifndef MTASTS_ALONE_H
#define MTASTS_ALONE_H

#include "config.h"
#include "ruling.h"

/*
 * entry: what the cache holds (mtasts_tree_read in tree_check.h), or NULL. now: seconds since the
 * epoch. room: MTASTS_RULING_MAX bytes, which the ruling then points into. What is damaged is a
 * miss.
 */
void mtasts_alone_rule(const struct mtasts_config *config, const struct mtasts_domain *domain,
                       const struct mtasts_entry *entry, int64_t now, char *room,
                       struct mtasts_ruling *ruling);

#endif
