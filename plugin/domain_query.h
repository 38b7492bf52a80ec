/*
 * domain_query.h: asks mtastsd for a domain's decision, and reads the cache if mtastsd does not
 * answer.
 *
 * A reply is remembered for a minute, so that all events of one delivery need one request. A failed
 * request is remembered for half a minute, so that a dead mtastsd costs one wait. All state is
 * static: Exim has one thread, and its children inherit the state.
 *
 * No function leaves a descriptor, a mapping or a changed identity after it returns.
 */
#ifndef MTASTS_PLUGIN_DOMAIN_QUERY_H
#define MTASTS_PLUGIN_DOMAIN_QUERY_H

#include "config.h"
#include "domain_decision.h"

/*
 * Never NULL; valid until the next call. The verdict is defer if mtasts.conf is malformed or may
 * not be read, or if no domain is given: mail must not silently go without its policy.
 */
const struct mtasts_domain_decision *mtasts_domain_query_get(struct mtasts_span domain);

/* Makes mtastsd look up the domain's record again (RFC 8461 section 5.1), without waiting for the
 * result. The remembered reply is dropped. */
void mtasts_domain_query_recheck(const struct mtasts_domain *domain);

/* Reads the configuration once for all processes that Exim forks. Each of them reads it again only
 * if the file has changed. */
void mtasts_domain_query_preload(void);

/* NULL if the configuration cannot be used. */
const struct mtasts_config *mtasts_domain_query_config(void);

#endif
