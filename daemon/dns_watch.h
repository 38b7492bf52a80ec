/*
 * dns_watch.h: watches the resolver of the net loop: do its servers answer (outage.h), and is its
 * list of servers still right? Once a second one stat(2) checks resolv.conf, through any links, and
 * the interfaces of link-local servers are checked.
 *
 * An outage is logged as a warning that names the servers, a summary every five minutes, and a line
 * when the DNS works again. stats.resolver_back is then set to that time: back-offs that earlier
 * failures of the DNS caused end (discover.h).
 *
 * All in the net loop's thread.
 */
#ifndef MTASTS_DNS_WATCH_H
#define MTASTS_DNS_WATCH_H

#include "outage.h"
#include "resolver.h"
#include "stats.h"

struct event;

struct mtasts_dns_watch {
  struct event_base *base;
  struct mtasts_stats *stats;
  int64_t (*now)(void); /* seconds since the epoch */
  struct mtasts_resolver *resolver;
  struct mtasts_outage outage;
  struct mtasts_resolvconf_state state; /* of resolv.conf */
  bool changed; /* resolv.conf has changed, and no new resolver was made yet */
  struct event *timeout;
  struct mtasts_dns_query *probe;
  char trouble[MTASTS_ERROR_TEXT]; /* the last that was logged */
  char why[MTASTS_DETAIL_MAX + 1]; /* the last failure */
};

/* False: no memory. Must be closed in both cases. */
bool mtasts_dns_watch_open(struct mtasts_dns_watch *watch, struct event_base *base,
                           struct mtasts_stats *stats, int64_t (*now)(void));

/* Watches this resolver from now on. The one before may then be freed. */
void mtasts_dns_watch_take(struct mtasts_dns_watch *watch, struct mtasts_resolver *resolver);

/* Once a second. Returns true if a new resolver must be made, since the list of servers has
 * changed. named, count: as in mtasts_resolver_options. */
bool mtasts_dns_watch_go(struct mtasts_dns_watch *watch, const char *const *named, size_t count);

/* Before the resolver is freed. */
void mtasts_dns_watch_close(struct mtasts_dns_watch *watch);

#endif
