/* One target of TLS reports: a mail domain, or a port of an HTTPS host. No report is sent. */
#include <errno.h>
#include <event2/event.h>
#include <search.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "ascii.h"
#include "connect.h"
#include "observe_private.h"

static int compare(const void *a, const void *b) {
  const struct mtasts_observed_target *x = a;
  const struct mtasts_observed_target *y = b;
  if (x->kind != y->kind)
    return x->kind < y->kind ? -1 : 1;
  if (x->port != y->port)
    return x->port < y->port ? -1 : 1;
  return mtasts_domain_compare(&x->name, &y->name);
}

/* HTTPS: does its port accept a connection? */

static void end_connection(struct mtasts_observed_target *target,
                           enum mtasts_seen_connect outcome) {
  target->seen.connect = outcome;
  target->open = false;
  event_del(target->timer);
  mtasts_connector_stop(target->connector);
  mtasts_places_leave(&target->observer->connections, &target->connection);
  mtasts_observer_ended(target->observer);
}

static void on_connected(void *context, int fd, const struct in6_addr *address) {
  (void)address;
  close(fd);
  end_connection(context, MTASTS_CONNECT_DONE);
}

static void on_exhausted(void *context) {
  const struct mtasts_observed_target *target = context;
  int error = mtasts_connector_error(target->connector);
  bool no_route = error == ENETUNREACH || error == EAFNOSUPPORT || error == EADDRNOTAVAIL ||
                  mtasts_connector_local(target->connector);
  end_connection(context, no_route ? MTASTS_CONNECT_NO_ROUTE : MTASTS_CONNECT_FAILED);
}

static void on_timer(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  end_connection(context, MTASTS_CONNECT_FAILED);
}

static void start_connection(struct mtasts_place *place) {
  struct mtasts_observed_target *target =
      (struct mtasts_observed_target *)((char *)place -
                                        offsetof(struct mtasts_observed_target, connection));
  mtasts_connector_go(target->connector);
  event_add(target->timer,
            &(struct timeval){.tv_sec = target->observer->options->config->https.timeout});
}

static void connect_to(struct mtasts_observed_target *target) {
  struct mtasts_observer *observer = target->observer;
  const struct mtasts_connector_options options = {
      .port = target->port,
      .allow_private = observer->options->config->https.allow_private,
      .connected = on_connected,
      .exhausted = on_exhausted,
      .context = target,
  };
  bool any = false;
  target->connector = mtasts_connector_new(observer->base, &options);
  target->timer = evtimer_new(observer->base, on_timer, target);
  if (!target->connector || !target->timer) {
    observer->arena->failed = true;
    return;
  }
  for (size_t i = 0; i < target->addresses.seen.count; i++)
    any = mtasts_connector_add(target->connector, &target->addresses.seen.items[i]) || any;
  target->open = any;
  if (!any)
    return;
  target->seen.connect = MTASTS_CONNECT_DEADLINE;
  target->connection.start = start_connection;
  mtasts_observer_expect(observer, 1);
  mtasts_places_enter(&observer->connections, &target->connection);
}

/* its look-up */

static void end_lookup(struct mtasts_observed_target *target) {
  target->open = false;
  mtasts_places_leave(&target->observer->lookups, &target->lookup);
}

static void take_addresses(void *context) {
  struct mtasts_observed_target *target = context;
  target->seen.addresses = target->addresses.seen;
  end_lookup(target);
  /* With a proxy no web server is connected to from here, not even to try. */
  if (target->kind == MTASTS_RUA_HTTPS && !*target->observer->options->config->https.proxy)
    connect_to(target);
}

static void read_hosts(struct mtasts_observed_target *target,
                       const struct mtasts_dns_message *message) {
  struct mtasts_rr rr;
  for (size_t cursor = 0; mtasts_dns_message_next(message, &cursor, &rr);) {
    struct mtasts_domain host;
    uint16_t preference;
    if (mtasts_rr_mx_raw(&rr, &preference, &host) == MTASTS_CORRUPT)
      continue;
    if (host.len == 0)
      target->seen.null_mx = true;
    else
      target->seen.has_mx = true;
  }
}

static void take_mx(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_observed_target *target = context;
  mtasts_observer_take(target->observer, answer, &target->seen.mx);
  if (answer->outcome == MTASTS_DNS_ANSWER)
    read_hosts(target, &answer->message);
  /* RFC 5321 section 5.1: without MX records the domain itself is its host. */
  if (answer->outcome == MTASTS_DNS_NODATA) {
    mtasts_observed_addresses_ask(&target->addresses);
    return;
  }
  /* A name that does not exist has no address either (RFC 8020). */
  if (answer->outcome == MTASTS_DNS_NXDOMAIN)
    target->seen.addresses.a = target->seen.addresses.aaaa = target->seen.mx;
  end_lookup(target);
}

static void start_lookup(struct mtasts_place *place) {
  struct mtasts_observed_target *target =
      (struct mtasts_observed_target *)((char *)place -
                                        offsetof(struct mtasts_observed_target, lookup));
  if (target->kind == MTASTS_RUA_MAILTO)
    mtasts_observer_ask(target->observer, false, target->name.name, MTASTS_RR_MX, take_mx, target);
  else
    mtasts_observed_addresses_ask(&target->addresses);
}

/* its life */

struct mtasts_observed_target *mtasts_observed_target_get(struct mtasts_observer *observer,
                                                          const struct mtasts_rua *rua) {
  struct mtasts_observed_target *made = mtasts_arena_alloc(observer->arena, sizeof *made);
  if (!made)
    return NULL;
  made->name = rua->domain;
  made->kind = rua->meant;
  made->port = rua->port;
  struct mtasts_observed_target **found = tsearch(made, &observer->targets, compare);
  if (!found) {
    observer->arena->failed = true;
    return NULL;
  }
  if (*found != made)
    return *found;
  made->observer = observer;
  made->next = observer->first_target;
  observer->first_target = made;
  made->open = true;
  made->lookup.start = start_lookup;
  made->seen.host = (struct mtasts_span){made->name.name, made->name.len};
  made->seen.https = rua->meant == MTASTS_RUA_HTTPS;
  if (!made->seen.https)
    made->seen.mx = mtasts_seen_unanswered;
  made->addresses = (struct mtasts_observed_addresses){
      .observer = observer, .name = made->name.name, .done = take_addresses, .context = made};
  mtasts_places_enter(&observer->lookups, &made->lookup);
  return made;
}

void mtasts_observed_target_cancel(struct mtasts_observed_target *target) {
  mtasts_connector_free(target->connector);
  if (target->timer)
    event_free(target->timer);
}
