#include "observe.h"

#include <event2/event.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "ca_bundle.h"
#include "dns_server_list.h"
#include "https_probe.h"
#include "observe_private.h"
#include "process.h"
#include "validator.h"

enum {
  LOOKUPS_MAX = 64,       /* domains, hosts and targets that are looked up at a time */
  QUERIES_EACH = 5,       /* questions to the DNS, of one domain */
  CONNECTIONS_MAX = 2048, /* at a time; fewer if the process may have fewer descriptors */
  OF_ADDRESS_MAX = 10,    /* of those, to one address: many servers limit that */
  PROGRESS_MS = 100,
};

struct mtasts_observations {
  struct mtasts_arena arena;
  struct mtasts_observation *items;
  size_t count;
};

/* The domains of the call, and the course of it. */
struct call {
  struct mtasts_observer observer;
  struct mtasts_observed_domain *domains; /* each once */
  size_t count;
  size_t *places; /* for each domain of the list, where it is */
  struct event *deadline;
  struct event *progress;
};

/* counting */

void mtasts_observer_expect(struct mtasts_observer *observer, size_t count) {
  observer->known += count;
}

/* Have a first domain's questions ended, and has no DNS server answered anything? Other parts, such
 * as a request by a proxy, say nothing of the DNS. */
static bool is_dead(const struct mtasts_observer *observer) {
  return observer->questions >= QUERIES_EACH && !observer->answered && !observer->probing;
}

void mtasts_observer_ended(struct mtasts_observer *observer) {
  observer->ended++;
  if (observer->ended == observer->known || is_dead(observer) || observer->arena->failed)
    event_base_loopbreak(observer->base);
}

static void on_deadline(evutil_socket_t fd, short what, void *context) {
  const struct call *call = context;
  (void)fd;
  (void)what;
  event_base_loopbreak(call->observer.base);
}

static void show_progress(evutil_socket_t fd, short what, void *context) {
  const struct call *call = context;
  const struct mtasts_observe_options *options = call->observer.options;
  (void)fd;
  (void)what;
  options->progress(options->context, call->observer.ended, call->observer.known);
}

/* its tools */

static enum mtasts_status open_dns(struct mtasts_observer *observer,
                                   char error[MTASTS_ERROR_TEXT]) {
  const struct mtasts_observe_options *options = observer->options;
  const struct mtasts_config *config = options->config;
  bool validates = config->dns.dnssec != MTASTS_DNSSEC_OFF;
  const struct mtasts_resolver_options resolver = {
      .servers = options->resolver ? &options->resolver : config->dns.servers.items,
      .server_count = options->resolver ? 1 : config->dns.servers.count,
      .timeout = config->dns.timeout,
      .insecure = config->dns.insecure.items,
      .insecure_count = config->dns.insecure.count,
      .resolvers = validates ? 2 : 1,
  };
  enum mtasts_status status =
      mtasts_resolver_new(observer->base, &resolver, error, &observer->resolver);
  if (status != MTASTS_OK || !validates)
    return status;
  struct mtasts_validator_options validator = {.resolver = resolver, .plain = observer->resolver};
  validator.resolver.trust_anchor = config->dns.trust_anchor;
  status = mtasts_validator_new(observer->base, &validator, &observer->validator);
  if (status != MTASTS_OK)
    snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
  return status;
}

static enum mtasts_status open_https(struct mtasts_observer *observer,
                                     char error[MTASTS_ERROR_TEXT]) {
  const struct mtasts_observe_options *options = observer->options;
  char words[MTASTS_CA_BUNDLE_TEXT];
  enum mtasts_status status =
      mtasts_ca_bundle_new(mtasts_ca_bundle_path(options->ca_file), words, &observer->trust);
  if (status != MTASTS_OK) {
    snprintf(error, MTASTS_ERROR_TEXT, "%.*s", MTASTS_ERROR_TEXT - 1, words);
    return status;
  }
  const struct mtasts_https_prober_options prober = {
      .trust = mtasts_ca_bundle_store(observer->trust),
      .timeout = options->config->https.timeout * 1000,
      .allow_private = options->config->https.allow_private,
      .proxy = options->config->https.proxy,
      .now = options->now,
      .arena = observer->arena,
  };
  return mtasts_https_prober_new(observer->base, &prober, error, &observer->prober);
}

/* Finds the places in which each domain of the list is kept, equal ones in one. */
static bool sort_out(struct call *call, const struct mtasts_domain *domains, size_t count) {
  void *known = NULL;
  call->domains = calloc(count + 1, sizeof *call->domains);
  call->places = calloc(count + 1, sizeof *call->places);
  bool ok = call->domains && call->places;
  for (size_t i = 0; ok && i < count; i++) {
    struct mtasts_observed_domain *made = &call->domains[call->count];
    made->domain = domains[i];
    struct mtasts_observed_domain **found = tsearch(made, &known, mtasts_domain_compare);
    ok = found != NULL;
    if (!found)
      break;
    call->places[i] = (size_t)(*found - call->domains);
    call->count += *found == made;
    made->observer = &call->observer;
  }
  for (size_t i = 0; i < call->count; i++)
    tdelete(&call->domains[i], &known, mtasts_domain_compare);
  return ok;
}

static enum mtasts_status open_call(struct call *call, const struct mtasts_domain *domains,
                                    size_t count, char error[MTASTS_ERROR_TEXT]) {
  struct mtasts_observer *observer = &call->observer;
  struct mtasts_descriptors shares = mtasts_process_descriptors();
  size_t lookups = shares.queries / QUERIES_EACH;
  size_t connections = shares.peers + (size_t)shares.lookups * MTASTS_DESCRIPTORS_LOOKUP;
  mtasts_places_begin(&observer->lookups, lookups > LOOKUPS_MAX ? LOOKUPS_MAX : lookups + 1, 1);
  mtasts_places_begin(&observer->connections,
                      connections > CONNECTIONS_MAX ? CONNECTIONS_MAX : connections,
                      OF_ADDRESS_MAX);
  observer->base = event_base_new();
  if (observer->base) {
    call->deadline = evtimer_new(observer->base, on_deadline, call);
    call->progress = event_new(observer->base, -1, EV_PERSIST, show_progress, call);
  }
  if (!call->deadline || !call->progress || !sort_out(call, domains, count)) {
    snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
    return MTASTS_NO_MEMORY;
  }
  enum mtasts_status status = open_dns(observer, error);
  return status == MTASTS_OK ? open_https(observer, error) : status;
}

/* The nodes of the trees are the arena's. */
static void keep(void *node) {
  (void)node;
}

/* Nothing calls back from here on. */
static void close_call(struct call *call) {
  struct mtasts_observer *observer = &call->observer;
  struct mtasts_observed_host *host;
  struct mtasts_observed_target *target;
  for (size_t i = 0; i < call->count; i++)
    mtasts_observed_domain_cancel(&call->domains[i]);
  for (host = observer->first_host; host; host = host->next)
    mtasts_observed_host_cancel(host);
  for (target = observer->first_target; target; target = target->next)
    mtasts_observed_target_cancel(target);
  mtasts_https_prober_free(observer->prober);
  mtasts_validator_free(observer->validator);
  mtasts_resolver_free(observer->resolver);
  mtasts_ca_bundle_free(observer->trust);
  if (call->deadline)
    event_free(call->deadline);
  if (call->progress)
    event_free(call->progress);
  if (observer->base)
    event_base_free(observer->base);
  tdestroy(observer->hosts, keep);
  tdestroy(observer->targets, keep);
  free(call->domains);
  free(call->places);
}

/* the call */

static void run(struct call *call) {
  struct mtasts_observer *observer = &call->observer;
  const struct mtasts_observe_options *options = observer->options;
  uint32_t seconds = options->config->dns.timeout + options->config->https.timeout +
                     (options->smtp ? options->smtp_timeout : 0);
  event_add(call->deadline, &(struct timeval){.tv_sec = seconds});
  if (options->progress)
    event_add(call->progress, &(struct timeval){.tv_usec = PROGRESS_MS * 1000});
  mtasts_observer_expect(observer, 1);
  for (size_t i = 0; i < call->count; i++)
    mtasts_observed_domain_start(&call->domains[i]);
  observer->known--;
  if (observer->ended < observer->known)
    event_base_dispatch(observer->base);
}

static struct mtasts_span name_servers(const struct mtasts_observer *observer) {
  char text[MTASTS_DNS_SERVER_LIST_TEXT];
  const struct mtasts_dns_server_list *list = mtasts_resolver_servers(observer->resolver);
  mtasts_dns_server_list_write(list, text);
  return mtasts_arena_copy(observer->arena, mtasts_span_of(list->count > 0 ? text : list->trouble));
}

static bool write_all(const struct call *call, struct mtasts_observations *made, size_t count) {
  const struct mtasts_observer *observer = &call->observer;
  struct mtasts_span servers = name_servers(observer);
  made->count = count;
  made->items = mtasts_arena_array(&made->arena, count, sizeof *made->items);
  for (size_t i = 0; made->items && i < count; i++) {
    struct mtasts_observation *item = &made->items[i];
    mtasts_observed_domain_write(&call->domains[call->places[i]], item);
    item->now = observer->options->now;
    item->resolver_dead = !observer->answered;
    item->validates = observer->validates;
    item->smtp = observer->options->smtp;
    item->servers = servers;
  }
  return !made->arena.failed;
}

enum mtasts_status mtasts_observe(const struct mtasts_observe_options *options,
                                  const struct mtasts_domain *domains, size_t count,
                                  char error[MTASTS_ERROR_TEXT],
                                  struct mtasts_observations **observations) {
  struct mtasts_observations *made = calloc(1, sizeof *made);
  struct call call = {.observer = {.options = options}};
  enum mtasts_status status = MTASTS_NO_MEMORY;
  snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
  if (!made)
    return status;
  call.observer.arena = &made->arena;
  status = open_call(&call, domains, count, error);
  if (status == MTASTS_OK) {
    run(&call);
    if (!write_all(&call, made, count)) {
      snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
      status = MTASTS_NO_MEMORY;
    }
  }
  close_call(&call);
  if (status == MTASTS_OK)
    *observations = made;
  else
    mtasts_observations_free(made);
  return status;
}

const struct mtasts_observation *
mtasts_observations_at(const struct mtasts_observations *observations, size_t at) {
  return &observations->items[at];
}

void mtasts_observations_free(struct mtasts_observations *observations) {
  if (!observations)
    return;
  mtasts_arena_free(&observations->arena);
  free(observations);
}
