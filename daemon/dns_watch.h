/*
 * dns_watch.h: watches the resolver of the net loop: do its servers answer (outage.h), and are they
 * still those that are to be asked? resolv.conf is looked at once a second, one stat(2), through
 * whatever links there are; so is an interface that a link-local server is behind.
 *
 * An outage is a warning that names the servers, a summary every five minutes, and a line when the
 * DNS works again. From then on stats.resolver_back is the time of that: waits that a failure of
 * the DNS before it has caused have ended (discover.h).
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
  bool changed;                         /* it has, and that is not taken up yet */
  struct event *timeout;
  struct mtasts_dns_query *probe;
  char trouble[MTASTS_ERROR_TEXT]; /* as it was told */
  char why[MTASTS_DETAIL_MAX + 1]; /* the last failure */
};

/* False: no memory. To be closed in any case. */
bool mtasts_dns_watch_open(struct mtasts_dns_watch *watch, struct event_base *base,
                           struct mtasts_stats *stats, int64_t (*now)(void));

/* Watches this resolver from now on, instead of another one, which may be freed then. */
void mtasts_dns_watch_take(struct mtasts_dns_watch *watch, struct mtasts_resolver *resolver);

/* Once a second. Returns true if another resolver has to be made: its servers would be others.
 * named, count: as in mtasts_resolver_options. */
bool mtasts_dns_watch_go(struct mtasts_dns_watch *watch, const char *const *named, size_t count);

/* Before the resolver is freed. */
void mtasts_dns_watch_close(struct mtasts_dns_watch *watch);

#endif
