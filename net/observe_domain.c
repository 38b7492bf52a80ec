/* One domain: its two records, its policy host, its MX hosts and the targets of its reports. */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "https_probe.h"
#include "observe_private.h"
#include "tlsrpt_record.h"

static void end_lookup(struct mtasts_observed_domain *domain) {
  if (--domain->lookups == 0)
    mtasts_places_leave(&domain->observer->lookups, &domain->place);
}

/* TXT */

static void read_texts(struct mtasts_observer *observer, const struct mtasts_dns_message *message,
                       struct mtasts_seen_txt *txt) {
  struct mtasts_span *texts = mtasts_arena_array(observer->arena, message->count, sizeof *texts);
  struct mtasts_rr rr;
  for (size_t cursor = 0; texts && mtasts_dns_message_next(message, &cursor, &rr);) {
    char *text = mtasts_arena_alloc(observer->arena, rr.rdata_size);
    if (!text)
      break;
    texts[txt->count++] = (struct mtasts_span){text, mtasts_rr_txt(&rr, text)};
  }
  txt->texts = texts;
}

static void take_txt(struct mtasts_observed_domain *domain, const struct mtasts_dns_answer *answer,
                     struct mtasts_seen_txt *txt) {
  mtasts_observer_take(domain->observer, answer, &txt->answer);
  if (answer->outcome == MTASTS_DNS_ANSWER)
    read_texts(domain->observer, &answer->message, txt);
}

static void take_record(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_observed_domain *domain = context;
  take_txt(domain, answer, &domain->record);
  end_lookup(domain);
}

static void read_rua(struct mtasts_observed_domain *domain) {
  struct mtasts_tlsrpt_record record;
  struct mtasts_tlsrpt_item item;
  mtasts_tlsrpt_record_parse(domain->tlsrpt.texts, domain->tlsrpt.count, &record);
  if (record.state != MTASTS_TLSRPT_VALID && record.state != MTASTS_TLSRPT_INVALID)
    return;
  domain->rua =
      mtasts_arena_array(domain->observer->arena, MTASTS_OBSERVE_RUA, sizeof *domain->rua);
  struct mtasts_tlsrpt_cursor cursor = mtasts_tlsrpt_begin(&record);
  while (domain->rua && mtasts_tlsrpt_next(&cursor, &item)) {
    struct mtasts_rua rua;
    if (item.kind != MTASTS_TLSRPT_RUA)
      continue;
    if (domain->rua_count == MTASTS_OBSERVE_RUA) {
      domain->cut = true;
      break;
    }
    struct mtasts_observed_rua *kept = &domain->rua[domain->rua_count++];
    kept->uri = item.text;
    mtasts_rua_parse(item.text, &rua);
    if (rua.meant != MTASTS_RUA_UNUSABLE && rua.domain.len > 0)
      kept->target = mtasts_observed_target_get(domain->observer, &rua);
  }
}

static void take_tlsrpt(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_observed_domain *domain = context;
  take_txt(domain, answer, &domain->tlsrpt);
  read_rua(domain);
  end_lookup(domain);
}

/* the policy host */

static void take_https(void *context, const struct mtasts_seen_https *seen) {
  struct mtasts_observed_connection *connection = context;
  struct mtasts_observed_domain *domain = connection->owner;
  connection->https = NULL;
  domain->https[connection->at] = *seen;
  domain->open--;
  mtasts_places_leave(&domain->observer->connections, &connection->place);
  mtasts_observer_ended(domain->observer);
}

static void start_https(struct mtasts_place *place) {
  struct mtasts_observed_connection *connection = (struct mtasts_observed_connection *)place;
  struct mtasts_observed_domain *domain = connection->owner;
  bool by_proxy = IN6_IS_ADDR_UNSPECIFIED(&place->address);
  if (mtasts_https_probe_start(domain->observer->prober, domain->policy_host,
                               by_proxy ? NULL : &place->address, take_https, connection,
                               &connection->https) == MTASTS_OK)
    return;
  domain->observer->arena->failed = true;
  take_https(connection, &domain->https[connection->at]);
}

/* addresses: NULL by the proxy. */
static void ask_https(struct mtasts_observed_domain *domain, const struct in6_addr *addresses,
                      size_t count) {
  struct mtasts_observer *observer = domain->observer;
  domain->https = mtasts_arena_array(observer->arena, count, sizeof *domain->https);
  domain->connections = mtasts_arena_array(observer->arena, count, sizeof *domain->connections);
  if (!domain->https || !domain->connections)
    return;
  domain->https_count = count;
  domain->open += count;
  mtasts_observer_expect(observer, count);
  for (size_t i = 0; i < count; i++) {
    domain->connections[i] = (struct mtasts_observed_connection){
        .place = {.start = start_https}, .owner = domain, .at = i};
    domain->https[i].connect = MTASTS_CONNECT_DEADLINE;
    if (addresses)
      domain->https[i].address = domain->connections[i].place.address = addresses[i];
  }
  for (size_t i = 0; i < count; i++)
    mtasts_places_enter(&observer->connections, &domain->connections[i].place);
}

static void take_policy_host(void *context) {
  struct mtasts_observed_domain *domain = context;
  const struct mtasts_seen_addresses *seen = &domain->addresses.seen;
  if (!*domain->observer->options->config->https.proxy && seen->count > 0)
    ask_https(domain, seen->items, seen->count);
  end_lookup(domain);
}

/* the MX hosts */

/* Does the exchange look like an IP address, also as an address literal? */
static bool is_address(const struct mtasts_domain *name) {
  char text[sizeof name->name];
  unsigned char address[sizeof(struct in6_addr)];
  size_t skip = name->len > 0 && name->name[0] == '[' ? 1 : 0;
  if (memchr(name->name, '\0', name->len))
    return false;
  memcpy(text, name->name, name->len + 1);
  if (skip > 0 && text[name->len - 1] == ']')
    text[name->len - 1] = '\0';
  if (strncmp(text + skip, "ipv6:", 5) == 0)
    skip += 5;
  return inet_pton(AF_INET, text + skip, address) == 1 ||
         inet_pton(AF_INET6, text + skip, address) == 1;
}

static int compare_mx(const void *a, const void *b) {
  const struct mtasts_observed_mx *x = a;
  const struct mtasts_observed_mx *y = b;
  if (x->preference != y->preference)
    return x->preference < y->preference ? -1 : 1;
  return mtasts_domain_compare(&x->name, &y->name);
}

/* Removes repeats of a name; of a sorted list the lowest preference stays. */
static void remove_repeats(struct mtasts_observed_domain *domain) {
  size_t kept = 0;
  for (size_t i = 0; i < domain->mx_count; i++) {
    bool repeat = false;
    for (size_t at = 0; at < kept && !repeat; at++)
      repeat = mtasts_domain_compare(&domain->mx[at].name, &domain->mx[i].name) == 0;
    if (!repeat)
      domain->mx[kept++] = domain->mx[i];
  }
  domain->mx_count = kept;
}

static void read_mx(struct mtasts_observed_domain *domain,
                    const struct mtasts_dns_message *message) {
  struct mtasts_rr rr;
  size_t max = message->count < MTASTS_OBSERVE_HOSTS ? message->count : MTASTS_OBSERVE_HOSTS;
  domain->cut = domain->cut || message->count > max;
  domain->mx = mtasts_arena_array(domain->observer->arena, max, sizeof *domain->mx);
  for (size_t cursor = 0;
       domain->mx && domain->mx_count < max && mtasts_dns_message_next(message, &cursor, &rr);) {
    struct mtasts_observed_mx *mx = &domain->mx[domain->mx_count];
    enum mtasts_status status = mtasts_rr_mx_raw(&rr, &mx->preference, &mx->name);
    if (status == MTASTS_CORRUPT)
      continue;
    if (mx->name.len == 0) {
      domain->null_mx = true;
      continue;
    }
    mx->is_address = is_address(&mx->name);
    domain->mx_count++;
  }
  if (!domain->mx)
    return;
  qsort(domain->mx, domain->mx_count, sizeof *domain->mx, compare_mx);
  remove_repeats(domain);
}

/* Is it a name that can be looked up? Others have no address (dns_message.h). */
static bool is_host(const struct mtasts_domain *name) {
  for (size_t i = 0; i < name->len; i++)
    if (!mtasts_is_alnum(name->name[i]) && name->name[i] != '-' && name->name[i] != '_' &&
        name->name[i] != '.')
      return false;
  return true;
}

static void get_hosts(struct mtasts_observed_domain *domain) {
  for (size_t i = 0; i < domain->mx_count; i++)
    if (!domain->mx[i].is_address && is_host(&domain->mx[i].name))
      domain->mx[i].host =
          mtasts_observed_host_get(domain->observer, &domain->mx[i].name, &domain->servers);
}

static void take_mx(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_observed_domain *domain = context;
  mtasts_observer_take(domain->observer, answer, &domain->mx_answer);
  if (answer->outcome == MTASTS_DNS_ANSWER) {
    read_mx(domain, &answer->message);
  } else if (answer->outcome == MTASTS_DNS_NODATA) {
    /* RFC 5321 section 5.1: without MX records the domain itself is its host. */
    domain->mx = mtasts_arena_array(domain->observer->arena, 1, sizeof *domain->mx);
    domain->implicit_mx = domain->mx != NULL;
    domain->mx_count = domain->mx ? 1 : 0;
    if (domain->mx)
      domain->mx->name = domain->domain;
  }
  get_hosts(domain);
  end_lookup(domain);
}

/* its life */

static void start_lookups(struct mtasts_place *place) {
  struct mtasts_observed_domain *domain =
      (struct mtasts_observed_domain *)((char *)place -
                                        offsetof(struct mtasts_observed_domain, place));
  struct mtasts_observer *observer = domain->observer;
  mtasts_observer_ask(observer, true, domain->domain.name, MTASTS_RR_MX, take_mx, domain);
  if (observer->options->mx_only)
    return;
  mtasts_observer_ask(observer, false, domain->record_name, MTASTS_RR_TXT, take_record, domain);
  mtasts_observer_ask(observer, false, domain->tlsrpt_name, MTASTS_RR_TXT, take_tlsrpt, domain);
  mtasts_observed_addresses_ask(&domain->addresses);
  if (*observer->options->config->https.proxy)
    ask_https(domain, NULL, 1);
}

void mtasts_observed_domain_start(struct mtasts_observed_domain *domain) {
  const char *name = domain->domain.name;
  snprintf(domain->record_name, sizeof domain->record_name, "_mta-sts.%s", name);
  snprintf(domain->tlsrpt_name, sizeof domain->tlsrpt_name, "_smtp._tls.%s", name);
  snprintf(domain->policy_host, sizeof domain->policy_host, "mta-sts.%s", name);
  const bool mx_only = domain->observer->options->mx_only;
  domain->lookups = mx_only ? 1 : 4;
  domain->mx_answer = mtasts_seen_unanswered;
  if (!mx_only)
    domain->record.answer = domain->tlsrpt.answer = mtasts_seen_unanswered;
  domain->addresses = (struct mtasts_observed_addresses){.observer = domain->observer,
                                                         .name = domain->policy_host,
                                                         .done = take_policy_host,
                                                         .context = domain};
  if (!mx_only)
    domain->addresses.seen.a = domain->addresses.seen.aaaa = mtasts_seen_unanswered;
  domain->place.start = start_lookups;
  mtasts_places_enter(&domain->observer->lookups, &domain->place);
}

void mtasts_observed_domain_cancel(struct mtasts_observed_domain *domain) {
  for (size_t i = 0; i < domain->https_count; i++)
    mtasts_https_probe_cancel(domain->connections[i].https);
}

/* the result */

/* The domain is its own MX host if it has an address, or may have one. */
static bool is_own_host(const struct mtasts_seen_addresses *addresses) {
  enum mtasts_dns_status a = addresses->a.outcome;
  enum mtasts_dns_status aaaa = addresses->aaaa.outcome;
  return addresses->count > 0 || a == MTASTS_DNS_FAILED || a == MTASTS_DNS_BOGUS ||
         aaaa == MTASTS_DNS_FAILED || aaaa == MTASTS_DNS_BOGUS;
}

static void write_mx(const struct mtasts_observed_domain *domain,
                     struct mtasts_observation *observation) {
  static const struct mtasts_seen_answer none = {.asked = true, .outcome = MTASTS_DNS_NXDOMAIN};
  struct mtasts_seen_mx *list =
      mtasts_arena_array(domain->observer->arena, domain->mx_count, sizeof *list);
  for (size_t i = 0; list && i < domain->mx_count; i++) {
    const struct mtasts_observed_mx *mx = &domain->mx[i];
    const struct mtasts_observed_host *host = mx->host;
    list[i].host = (struct mtasts_span){mx->name.name, mx->name.len};
    list[i].preference = mx->preference;
    list[i].is_address = mx->is_address;
    if (!host) {
      list[i].addresses.a = list[i].addresses.aaaa = none;
      continue;
    }
    list[i].addresses = host->addresses.seen;
    list[i].tlsa = host->tlsa;
    list[i].servers = host->servers;
    list[i].server_count = host->server_count;
    observation->deadline = observation->deadline || host->open > 0 || host->addresses.cut;
  }
  observation->mx = list;
  observation->mx_count = list ? domain->mx_count : 0;
  observation->implicit_mx = domain->implicit_mx;
  if (domain->implicit_mx && list && !is_own_host(&list[0].addresses))
    observation->mx_count = 0;
}

static void write_rua(const struct mtasts_observed_domain *domain,
                      struct mtasts_observation *observation) {
  struct mtasts_seen_rua *list =
      mtasts_arena_array(domain->observer->arena, domain->rua_count, sizeof *list);
  for (size_t i = 0; list && i < domain->rua_count; i++) {
    const struct mtasts_observed_target *target = domain->rua[i].target;
    if (target) {
      list[i] = target->seen;
      observation->deadline = observation->deadline || target->open;
    }
    list[i].uri = domain->rua[i].uri;
  }
  observation->rua = list;
  observation->rua_count = list ? domain->rua_count : 0;
}

void mtasts_observed_domain_write(const struct mtasts_observed_domain *domain,
                                  struct mtasts_observation *observation) {
  observation->domain = domain->domain;
  observation->deadline =
      domain->lookups > 0 || domain->open > 0 || domain->cut || domain->addresses.cut;
  observation->record = domain->record;
  observation->tlsrpt = domain->tlsrpt;
  observation->policy_host = domain->addresses.seen;
  observation->https = domain->https;
  observation->https_count = domain->https_count;
  observation->mx_answer = domain->mx_answer;
  observation->null_mx = domain->null_mx;
  write_mx(domain, observation);
  write_rua(domain, observation);
}
