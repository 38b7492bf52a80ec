/*
 * lookup.h: one look-up. It runs engine/discover.h's state machine, asks the resolver and the
 * fetcher for what the machine needs, and calls back when the machine needs nothing more. TXT and
 * MX are asked in parallel. MX and what DANE needs are validated by DNSSEC. policy_fetch.h fetches
 * the policy.
 *
 * The whole look-up has one deadline, so that slow servers, one after the other, cannot make it
 * last without bound. At the deadline each open question has failed, as if its server had been
 * silent. If DANE is not known by then, mail waits (RFC 7672 section 2.1.3). If the policy is not
 * fetched by then, the cached one stays in force.
 */
#ifndef MTASTS_LOOKUP_H
#define MTASTS_LOOKUP_H

#include "discover.h"
#include "trace.h"

struct event_base;
struct in6_addr;
struct mtasts_resolver;
struct mtasts_validator;
struct mtasts_fetcher;
struct mtasts_lookup;

/* What look-ups share; everything in it is the owner's. */
struct mtasts_net {
  struct mtasts_resolver *resolver;
  struct mtasts_validator *validator; /* of MX hosts and DANE; NULL: as settings.dane is false */
  struct mtasts_fetcher *fetcher;
  struct mtasts_discover_settings settings;
  int64_t (*now)(void); /* seconds since the epoch */
  /* May the policy be fetched from this address now? If not, the fetch begins when
   * mtasts_lookup_admit is called; the deadline keeps running. context: the look-up's. NULL:
   * always. */
  bool (*admit)(void *context, const struct in6_addr *address);
  uint32_t deadline; /* seconds for one look-up as a whole; 0: none */
};

/* Called once, from the loop. The discovery is good until the look-up is freed. */
typedef void mtasts_lookup_fn(void *context, const struct mtasts_discovery *discovery);

struct mtasts_lookup_options {
  const struct mtasts_net *net;
  struct event_base *base;
  const struct mtasts_domain *domain; /* copied */
  const struct mtasts_entry *cached;  /* what the cache holds, copied; NULL: nothing */
  bool forced;                        /* everything is looked up again */
  mtasts_lookup_fn *done;
  mtasts_trace_fn *trace; /* NULL: none */
  void *context;          /* of both */
};

/* Starts. Even if nothing is needed, the callback comes from the loop. MTASTS_NO_MEMORY */
enum mtasts_status mtasts_lookup_start(const struct mtasts_lookup_options *options,
                                       struct mtasts_lookup **lookup);

/* Lets a fetch begin that admit has refused. */
void mtasts_lookup_admit(struct mtasts_lookup *lookup);

/* Ends it now as if its deadline had come; the callback comes from the loop. */
void mtasts_lookup_expire(struct mtasts_lookup *lookup);

/* Frees, cancelling what is still in flight. May be called from the callback. */
void mtasts_lookup_free(struct mtasts_lookup *lookup);

#endif
