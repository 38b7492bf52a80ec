/*
 * mx_match.h: which pattern of a policy each of a domain's MX hosts matches (RFC 8461 section 4.1),
 * in one pass over the patterns.
 *
 * The domain chooses both its policy and its MX hosts. A policy of 64 KiB can have more than 9,000
 * patterns, and 128 hosts are kept. Comparing each pair would take more than a million comparisons
 * for one answer. Here the hosts are sorted and each pattern is searched among them. So an answer
 * costs a few comparisons for each pattern, whatever the domain publishes.
 *
 * Pure; allocates nothing.
 */
#ifndef MTASTS_ENGINE_MX_MATCH_H
#define MTASTS_ENGINE_MX_MATCH_H

#include "bounds.h"
#include "mtasts.h"

/*
 * found[i] becomes what mtasts_mx_match finds for the list's host number i: the first pattern that
 * matches, or a span whose data is NULL. Hosts past MTASTS_MX_HOSTS_MAX are left out; no cache
 * holds so many. Returns how many hosts have a pattern.
 */
size_t mtasts_mx_match_all(const struct mtasts_names *patterns, const struct mtasts_mx_list *hosts,
                           struct mtasts_span found[MTASTS_MX_HOSTS_MAX]);

#endif
