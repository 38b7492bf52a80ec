/*
 * policy_fetch.h: fetching the policy of a domain: the addresses of its policy host (RFC 8461
 * section 3.3), and HTTPS to it.
 *
 * IPv4 is asked for first. IPv6 is asked for only if IPv4 has nothing, does not answer within 200
 * ms, or does not accept a connection within 100 ms: most domains need no second query. Neither
 * family delays the other, in the DNS or while connecting. If a proxy is used, no address is looked
 * up.
 *
 * All in the thread of its loop.
 */
#ifndef MTASTS_POLICY_FETCH_H
#define MTASTS_POLICY_FETCH_H

#include "fetch.h"
#include "trace.h"

struct mtasts_resolver;
struct mtasts_policy_fetch;

struct mtasts_policy_fetch_options {
  struct event_base *base;
  struct mtasts_resolver *resolver;
  struct mtasts_fetcher *fetcher;
  const struct mtasts_domain *domain; /* copied */
  /* As mtasts_net.admit; NULL: always. */
  bool (*admit)(void *context, const struct in6_addr *address);
  mtasts_fetch_fn *done;  /* once, from the loop */
  mtasts_trace_fn *trace; /* may be NULL */
  void *context;
};

/* MTASTS_NO_MEMORY */
enum mtasts_status mtasts_policy_fetch_start(const struct mtasts_policy_fetch_options *options,
                                             struct mtasts_policy_fetch **fetch);

/* Lets HTTPS begin that admit has refused. */
void mtasts_policy_fetch_admit(struct mtasts_policy_fetch *fetch);

/* Why it has no answer until now. *unresolved: its addresses are not known yet. *local: by a fault
 * of this host's, or as it is held. */
void mtasts_policy_fetch_fault(const struct mtasts_policy_fetch *fetch, bool *unresolved,
                               bool *local);

/* Frees, cancelling what is still in flight. May be called from the callback. NULL is fine. */
void mtasts_policy_fetch_free(struct mtasts_policy_fetch *fetch);

#endif
