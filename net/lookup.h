/*
 * lookup.h: one discovery in flight. It walks engine/discover.h's state machine,
 * asking the resolver and the fetcher for what the machine needs, and calls back
 * when the machine needs nothing more. TXT and MX are asked side by side; MX and
 * what DANE needs is validated. The policy is fetched as policy_fetch.h has it.
 *
 * A look-up has a deadline as a whole, so that one domain cannot hold a place for as long
 * as all its servers can be slow one after the other. What is not answered by then has
 * failed, as if its server had been silent: DANE that is not known by then holds mail back
 * (RFC 7672 section 2.1.3), a policy that is not fetched by then leaves what is cached in force.
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
  /* The policy host's address is cached: may it be fetched from there now? If not, it is once
   * mtasts_lookup_admit is called; the deadline goes on meanwhile. context: the look-up's. NULL:
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

/* Starts. If nothing is needed, the callback still comes from the loop. MTASTS_NO_MEMORY */
enum mtasts_status mtasts_lookup_start(const struct mtasts_lookup_options *options,
                                       struct mtasts_lookup **lookup);

/* The policy may be fetched, which admit had forbidden. */
void mtasts_lookup_admit(struct mtasts_lookup *lookup);

/* Ends it now as if its deadline had come; the callback comes from the loop. */
void mtasts_lookup_expire(struct mtasts_lookup *lookup);

/* Frees, cancelling what is still in flight. May be called from the callback. */
void mtasts_lookup_free(struct mtasts_lookup *lookup);

#endif
