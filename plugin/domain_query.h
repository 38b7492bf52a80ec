/*
 * domain_query.h: where the plugin's knowledge comes from. mtastsd is asked; where it does not
 * answer, the cache is read. What was learnt of a domain is remembered for a minute, so that the
 * events of one delivery are one question, and a failed question for half a minute, so that a dead
 * daemon costs one wait. All of it is static: Exim has one thread, and its children inherit it.
 *
 * Leaves no descriptor, mapping or changed identity behind.
 */
#ifndef MTASTS_PLUGIN_DOMAIN_QUERY_H
#define MTASTS_PLUGIN_DOMAIN_QUERY_H

#include "config.h"
#include "domain_decision.h"

/*
 * Never NULL; good until the next call. Where mtasts.conf is malformed or may not be read, or no
 * domain is given, the verdict is defer: neither may silently let mail go without its policy.
 */
const struct mtasts_domain_decision *mtasts_domain_query_get(struct mtasts_span domain);

/* Has the daemon look up the domain's record again (RFC 8461 section 5.1); does not wait for what
 * comes of it. The domain is forgotten. */
void mtasts_domain_query_recheck(const struct mtasts_domain *domain);

/* Reads the configuration, for the processes that Exim forks. Each of them reads it again only if
 * the file is no longer the same. */
void mtasts_domain_query_preload(void);

/* NULL where it cannot be used. */
const struct mtasts_config *mtasts_domain_query_config(void);

#endif
