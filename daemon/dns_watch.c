#include "dns_watch.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "ratelimit.h"

/* logging */

static void log_servers(const struct mtasts_dns_watch *watch, char *servers) {
  mtasts_dns_server_list_write(mtasts_resolver_servers(watch->resolver), servers);
  if (!*servers)
    snprintf(servers, MTASTS_DNS_SERVER_LIST_TEXT, "none");
}

static void log_change(struct mtasts_dns_watch *watch, enum mtasts_outage_change change) {
  const struct mtasts_outage *outage = &watch->outage;
  char servers[MTASTS_DNS_SERVER_LIST_TEXT];
  char why[4 * MTASTS_DETAIL_MAX + 3];
  int64_t lasted = (mtasts_clock_coarse_ms() - outage->since) / 1000;
  if (change == MTASTS_OUTAGE_FIRST || change == MTASTS_OUTAGE_ENDS)
    atomic_store_explicit(&watch->stats->resolver_back, watch->now(), memory_order_relaxed);
  atomic_store_explicit(&watch->stats->dns_fails, outage->out, memory_order_relaxed);
  if (change == MTASTS_OUTAGE_SAME || change == MTASTS_OUTAGE_FIRST)
    return;
  log_servers(watch, servers);
  mtasts_log_value((struct mtasts_span){watch->why, strlen(watch->why)}, why, sizeof why);
  if (change == MTASTS_OUTAGE_BEGINS)
    mtasts_log(MTASTS_LOG_WARNING,
               "dns=broken servers=%s detail=%s: is the DNS server running, and does it answer "
               "this machine? Until then cached policies stay in force, and the policies of other "
               "domains are unknown",
               servers, why);
  else if (change == MTASTS_OUTAGE_LASTS)
    mtasts_log(MTASTS_LOG_WARNING, "dns=broken servers=%s detail=%s since=%llds failed=%llu",
               servers, why, (long long)lasted, outage->failed);
  else
    mtasts_log(MTASTS_LOG_INFO,
               "dns=works servers=%s after=%llds failed=%llu: domains whose look-up failed are "
               "looked up again when they are asked for",
               servers, (long long)lasted, outage->failed);
}

static void log_trouble(struct mtasts_dns_watch *watch) {
  const struct mtasts_dns_server_list *servers = mtasts_resolver_servers(watch->resolver);
  if (strcmp(watch->trouble, servers->trouble) == 0)
    return;
  snprintf(watch->trouble, sizeof watch->trouble, "%s", servers->trouble);
  if (*watch->trouble)
    mtasts_log(MTASTS_LOG_WARNING, "dns: %s; this is checked again every second", watch->trouble);
}

/* the ends of queries */

static void probe(struct mtasts_dns_watch *watch);

static void on_lookup_ended(void *context, const char *name, uint16_t type, const char *why) {
  struct mtasts_dns_watch *watch = context;
  if (why)
    snprintf(watch->why, sizeof watch->why, "%s", why);
  log_change(watch, mtasts_outage_lookup_ended(&watch->outage, name, type, !why,
                                               mtasts_clock_coarse_ms()));
  probe(watch);
}

/* on_lookup_ended has already taken the answer. */
static void on_probed(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_dns_watch *watch = context;
  (void)answer;
  watch->probe = NULL;
  evtimer_del(watch->timeout);
}

static void on_timeout(evutil_socket_t fd, short what, void *context) {
  struct mtasts_dns_watch *watch = context;
  bool root = !(watch->outage.out && watch->outage.row);
  (void)fd;
  (void)what;
  mtasts_resolver_cancel(watch->probe);
  watch->probe = NULL;
  if (!root)
    return; /* the outage goes on */
  snprintf(watch->why, sizeof watch->why, "NS .: no answer in %d s", MTASTS_OUTAGE_PROBE_MS / 1000);
  log_change(watch, mtasts_outage_lookup_ended(&watch->outage, "", MTASTS_RR_NS, false,
                                               mtasts_clock_coarse_ms()));
}

static void probe(struct mtasts_dns_watch *watch) {
  const struct timeval timeout = {.tv_sec = MTASTS_OUTAGE_PROBE_MS / 1000};
  const char *name;
  uint16_t type;
  if (watch->probe ||
      !mtasts_outage_wants_probe(&watch->outage, mtasts_clock_coarse_ms(), &name, &type))
    return;
  if (mtasts_resolver_ask(watch->resolver, name, type ? type : MTASTS_RR_NS, on_probed, watch,
                          &watch->probe) == MTASTS_OK)
    evtimer_add(watch->timeout, &timeout);
}

/* its life */

bool mtasts_dns_watch_open(struct mtasts_dns_watch *watch, struct event_base *base,
                           struct mtasts_stats *stats, int64_t (*now)(void)) {
  *watch = (struct mtasts_dns_watch){.base = base, .stats = stats, .now = now};
  watch->timeout = evtimer_new(base, on_timeout, watch);
  mtasts_resolvconf_changed(MTASTS_RESOLVCONF, &watch->state);
  return watch->timeout != NULL;
}

static void let_go(struct mtasts_dns_watch *watch) {
  mtasts_resolver_cancel(watch->probe);
  watch->probe = NULL;
  if (watch->timeout)
    evtimer_del(watch->timeout);
  if (watch->resolver)
    mtasts_resolver_observe(watch->resolver, NULL, NULL);
}

void mtasts_dns_watch_take(struct mtasts_dns_watch *watch, struct mtasts_resolver *resolver) {
  char was[MTASTS_DNS_SERVER_LIST_TEXT] = "";
  char servers[MTASTS_DNS_SERVER_LIST_TEXT];
  if (watch->resolver)
    log_servers(watch, was);
  let_go(watch);
  watch->resolver = resolver;
  watch->changed = false;
  log_servers(watch, servers);
  if (*was && strcmp(was, servers) != 0)
    mtasts_log(MTASTS_LOG_INFO, "dns servers=%s was_servers=%s", servers, was);
  log_trouble(watch);
  mtasts_resolver_observe(resolver, on_lookup_ended, watch);
  mtasts_outage_renew(&watch->outage);
  probe(watch);
}

static bool any_scope(const struct mtasts_dns_server_list *servers) {
  for (size_t i = 0; i < servers->count; i++)
    if (strchr(servers->list[i].text, '%'))
      return true;
  return false;
}

bool mtasts_dns_watch_go(struct mtasts_dns_watch *watch, const char *const *named, size_t count) {
  const struct mtasts_dns_server_list *servers = mtasts_resolver_servers(watch->resolver);
  struct mtasts_dns_server_list found;
  char error[MTASTS_ERROR_TEXT];
  if (count == 0 && mtasts_resolvconf_changed(MTASTS_RESOLVCONF, &watch->state))
    watch->changed = true;
  log_change(watch, mtasts_outage_tick(&watch->outage, mtasts_clock_coarse_ms()));
  probe(watch);
  if ((!watch->changed && !any_scope(servers) && !*servers->trouble) ||
      mtasts_dns_server_list_find(named, count, &found, error) != MTASTS_OK)
    return false;
  watch->changed = !mtasts_dns_server_list_same(&found, servers);
  return watch->changed;
}

void mtasts_dns_watch_close(struct mtasts_dns_watch *watch) {
  let_go(watch);
  if (watch->timeout)
    event_free(watch->timeout);
}
