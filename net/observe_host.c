/* One MX host: addresses, TLSA records, and a connection to each address. */
#include <search.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "ascii.h"
#include "ca_bundle.h"
#include "observe_private.h"
#include "smtp_probe.h"

enum {
  SMTP_PORT = 25,
};

/* connections */

static void take_server(void *context, const struct mtasts_seen_mail_server *server) {
  struct mtasts_observed_connection *connection = context;
  struct mtasts_observed_host *host = connection->owner;
  struct mtasts_observer *observer = host->observer;
  connection->smtp = NULL;
  host->servers[connection->at] = *server;
  host->open--;
  mtasts_places_leave(&observer->connections, &connection->place);
  mtasts_observer_ended(observer);
}

static void start_server(struct mtasts_place *place) {
  struct mtasts_observed_connection *connection = (struct mtasts_observed_connection *)place;
  struct mtasts_observed_host *host = connection->owner;
  const struct mtasts_observe_options *options = host->observer->options;
  const struct mtasts_smtp_probe_options probe = {
      .base = host->observer->base,
      .address = place->address,
      .port = SMTP_PORT,
      .allow_private = options->config->https.allow_private,
      .host = host->name.name,
      .helo = options->helo,
      .trust = mtasts_ca_bundle_store(host->observer->trust),
      .now = options->now,
      .timeout = options->smtp_timeout * 1000,
      .arena = host->observer->arena,
      .done = take_server,
      .context = connection,
  };
  if (mtasts_smtp_probe_start(&probe, &connection->smtp) == MTASTS_OK)
    return;
  host->observer->arena->failed = true;
  take_server(connection, &host->servers[connection->at]);
}

static void start_servers(struct mtasts_observed_host *host) {
  const struct mtasts_seen_addresses *addresses = &host->addresses.seen;
  struct mtasts_observer *observer = host->observer;
  size_t room = MTASTS_OBSERVE_SERVERS - *host->taken;
  size_t count = addresses->count < room ? addresses->count : room;
  bool allow_private = observer->options->config->https.allow_private;
  bool smtp = observer->options->smtp;
  host->servers = mtasts_arena_array(observer->arena, count, sizeof *host->servers);
  host->connections = mtasts_arena_array(observer->arena, count, sizeof *host->connections);
  if (!host->servers || !host->connections)
    return;
  host->server_count = count;
  *host->taken += count;
  host->addresses.cut = host->addresses.cut || count < addresses->count;
  for (size_t i = 0; i < count; i++) {
    bool private_address = !allow_private && !mtasts_address_global(&addresses->items[i]);
    host->servers[i] = (struct mtasts_seen_mail_server){
        .address = addresses->items[i],
        .private_address = private_address,
        .connect = smtp && !private_address ? MTASTS_CONNECT_DEADLINE : MTASTS_CONNECT_NOT_TRIED,
    };
  }
  if (!smtp)
    return;
  host->open += count;
  mtasts_observer_expect(observer, count);
  for (size_t i = 0; i < count; i++) {
    host->connections[i] = (struct mtasts_observed_connection){
        .place = {.address = addresses->items[i], .start = start_server}, .owner = host, .at = i};
    mtasts_places_enter(&observer->connections, &host->connections[i].place);
  }
}

/* its look-up */

static void end_lookup(struct mtasts_observed_host *host) {
  host->open--;
  mtasts_places_leave(&host->observer->lookups, &host->place);
}

static void ask_tlsa(struct mtasts_observed_host *host, struct mtasts_span base);

static void read_tlsa(struct mtasts_observed_host *host, const struct mtasts_dns_message *message) {
  struct mtasts_rr rr;
  struct mtasts_span *records =
      mtasts_arena_array(host->observer->arena, message->count, sizeof *records);
  for (size_t cursor = 0; records && mtasts_dns_message_next(message, &cursor, &rr);)
    records[host->tlsa.count++] =
        mtasts_arena_copy(host->observer->arena,
                          (struct mtasts_span){(const char *)rr.message + rr.rdata, rr.rdata_size});
  host->tlsa.records = records;
}

static void take_tlsa(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_observed_host *host = context;
  bool none = answer->outcome == MTASTS_DNS_NODATA || answer->outcome == MTASTS_DNS_NXDOMAIN ||
              (answer->outcome == MTASTS_DNS_ANSWER && answer->security != MTASTS_SECURITY_SECURE);
  /* RFC 7672 section 2.2.3: without records at the end of its CNAMEs, the name itself counts. */
  if (none && host->at_alias) {
    host->at_alias = false;
    ask_tlsa(host, (struct mtasts_span){host->name.name, host->name.len});
    return;
  }
  mtasts_observer_take(host->observer, answer, &host->tlsa.answer);
  if (answer->outcome == MTASTS_DNS_ANSWER)
    read_tlsa(host, &answer->message);
  end_lookup(host);
}

static void ask_tlsa(struct mtasts_observed_host *host, struct mtasts_span base) {
  snprintf(host->tlsa_name, sizeof host->tlsa_name, "_25._tcp.%.*s", (int)base.len, base.data);
  host->tlsa.name = mtasts_span_of(host->tlsa_name);
  host->tlsa.answer = mtasts_seen_unanswered;
  mtasts_observer_ask(host->observer, true, host->tlsa_name, MTASTS_RR_TLSA, take_tlsa, host);
}

static void take_addresses(void *context) {
  struct mtasts_observed_host *host = context;
  const struct mtasts_seen_addresses *addresses = &host->addresses.seen;
  start_servers(host);
  if (!host->observer->validator || addresses->count == 0) {
    end_lookup(host);
    return;
  }
  /* RFC 7672 section 2.2.2: the end of the CNAMEs is the base if all of them are secure. */
  host->at_alias = addresses->alias.data && host->addresses.secure_alias;
  ask_tlsa(host, host->at_alias ? addresses->alias
                                : (struct mtasts_span){host->name.name, host->name.len});
}

static void start_lookup(struct mtasts_place *place) {
  struct mtasts_observed_host *host =
      (struct mtasts_observed_host *)((char *)place - offsetof(struct mtasts_observed_host, place));
  mtasts_observed_addresses_ask(&host->addresses);
}

/* its life */

struct mtasts_observed_host *mtasts_observed_host_get(struct mtasts_observer *observer,
                                                      const struct mtasts_domain *name,
                                                      size_t *taken) {
  struct mtasts_observed_host **found = tfind(name, &observer->hosts, mtasts_domain_compare);
  if (found)
    return *found;
  struct mtasts_observed_host *made = mtasts_arena_alloc(observer->arena, sizeof *made);
  if (!made)
    return NULL;
  made->name = *name;
  if (!tsearch(made, &observer->hosts, mtasts_domain_compare)) {
    observer->arena->failed = true;
    return NULL;
  }
  made->observer = observer;
  made->next = observer->first_host;
  observer->first_host = made;
  made->taken = taken;
  made->open = 1;
  made->place.start = start_lookup;
  made->addresses = (struct mtasts_observed_addresses){
      .observer = observer,
      .name = made->name.name,
      .validated = true,
      .done = take_addresses,
      .context = made,
  };
  made->addresses.seen.a = made->addresses.seen.aaaa = mtasts_seen_unanswered;
  mtasts_places_enter(&observer->lookups, &made->place);
  return made;
}

void mtasts_observed_host_cancel(struct mtasts_observed_host *host) {
  for (size_t i = 0; i < host->server_count && host->connections; i++)
    mtasts_smtp_probe_cancel(host->connections[i].smtp);
}
