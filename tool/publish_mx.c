#include "publish_mx.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "config.h"
#include "identity.h"
#include "out.h"
#include "resolver.h"
#include "span.h"

enum {
  IN_FLIGHT = 64,      /* domains that are asked for at a time */
  TEXT_MAX = 64 << 20, /* bytes that the child may write */
  HOSTS_MAX = 1000,    /* MX hosts of one domain; a policy has no room for more */
  ADDRESS_QUERIES = 2, /* A and AAAA */
};

struct search;

/* One domain that is being asked for. */
struct asked {
  struct search *search;
  size_t item;      /* its place in the list */
  unsigned waiting; /* for answers about addresses */
  bool has_address;
  char failure[MTASTS_DETAIL_MAX + 1]; /* of one of these look-ups; "" if none failed */
  bool used;
};

struct search {
  const struct mtasts_options *options;
  const struct mtasts_publish_list *list;
  struct event_base *base;
  struct mtasts_resolver *resolver;
  FILE *found; /* lines: place in the list, space, host */
  struct asked asked[IN_FLIGHT];
  size_t next; /* item */
  size_t running;
  int code;
};

static void ask_more(struct search *search);

/* The first error counts, and ends the search. */
static void fail(struct search *search, size_t item, int code, const char *why) {
  if (search->code != MTASTS_EXIT_OK)
    return;
  search->code = code;
  mtasts_publish_item_error(search->options, &search->list->items[item], why);
  event_base_loopbreak(search->base);
}

static void finish(struct asked *asked) {
  struct search *search = asked->search;
  asked->used = false;
  search->running--;
  ask_more(search);
}

static bool ask(struct asked *asked, uint16_t type, mtasts_dns_fn *callback) {
  struct search *search = asked->search;
  struct mtasts_dns_query *query;
  if (mtasts_resolver_ask(search->resolver, search->list->items[asked->item].domain.name, type,
                          callback, asked, &query) == MTASTS_OK)
    return true;
  fail(search, asked->item, MTASTS_EXIT_LATER, "cannot be looked up: out of memory");
  return false;
}

static void on_address(void *context, const struct mtasts_dns_answer *answer) {
  struct asked *asked = context;
  asked->waiting--;
  asked->has_address |= answer->outcome == MTASTS_DNS_ANSWER;
  if (answer->outcome == MTASTS_DNS_FAILED)
    snprintf(asked->failure, sizeof asked->failure, "%s", answer->detail);
  if (asked->waiting > 0)
    return;
  if (asked->has_address) {
    fprintf(asked->search->found, "%zu %s\n", asked->item,
            asked->search->list->items[asked->item].domain.name);
    finish(asked);
  } else if (*asked->failure) {
    fail(asked->search, asked->item, MTASTS_EXIT_LATER, asked->failure);
  } else {
    fail(asked->search, asked->item, MTASTS_EXIT_DATA,
         "takes no mail: it has neither an MX record nor an address");
  }
}

static int compare(const void *a, const void *b) {
  return mtasts_domain_compare(a, b);
}

/* Writes the hosts of the answer. Returns NULL, or why it cannot. */
static const char *write_hosts(struct asked *asked, const struct mtasts_dns_message *message) {
  const char *why = "no MX record names a host";
  struct mtasts_domain *hosts = calloc(message->count, sizeof *hosts);
  struct mtasts_rr rr;
  size_t count = 0;
  bool null_mx = false;
  char pattern[MTASTS_DOMAIN_MAX];
  if (!hosts)
    return "out of memory";
  for (size_t cursor = 0; mtasts_dns_message_next(message, &cursor, &rr);) {
    uint16_t preference;
    if (mtasts_rr_mx(&rr, &preference, &hosts[count]) != MTASTS_OK)
      continue; /* no sender can use it: net/lookup.c skips it, too */
    null_mx |= hosts[count].len == 0;
    count += hosts[count].len > 0;
  }
  if (count == 0 && null_mx)
    why = "takes no mail: it has a null MX (RFC 7505)";
  qsort(hosts, count, sizeof *hosts, compare);
  for (size_t i = 0; i < count; i++) {
    why = mtasts_mx_pattern((struct mtasts_span){hosts[i].name, hosts[i].len}, pattern) > 0
              ? NULL
              : "an MX record has a name that no policy can list, such as an IP address";
    if (why)
      break;
    fprintf(asked->search->found, "%zu %s\n", asked->item, hosts[i].name);
  }
  free(hosts);
  return count > HOSTS_MAX ? "has more MX hosts than a policy can list" : why;
}

static void on_mx(void *context, const struct mtasts_dns_answer *answer) {
  struct asked *asked = context;
  struct search *search = asked->search;
  const char *why;
  switch (answer->outcome) {
  case MTASTS_DNS_ANSWER:
    why = write_hosts(asked, &answer->message);
    if (why)
      fail(search, asked->item, MTASTS_EXIT_DATA, why);
    else
      finish(asked);
    return;
  case MTASTS_DNS_NODATA:
    /* RFC 5321 section 5.1: the domain is its own MX host. */
    asked->waiting = ADDRESS_QUERIES;
    if (ask(asked, MTASTS_RR_A, on_address))
      ask(asked, MTASTS_RR_AAAA, on_address);
    return;
  case MTASTS_DNS_NXDOMAIN:
    fail(search, asked->item, MTASTS_EXIT_DATA, "takes no mail: there is no such domain");
    return;
  case MTASTS_DNS_FAILED:
  case MTASTS_DNS_BOGUS:
    break;
  }
  fail(search, asked->item, MTASTS_EXIT_LATER, answer->detail);
}

static void ask_more(struct search *search) {
  for (size_t i = 0; i < IN_FLIGHT && search->next < search->list->count; i++) {
    struct asked *asked = &search->asked[i];
    if (asked->used)
      continue;
    *asked = (struct asked){.search = search, .item = search->next++, .used = true};
    search->running++;
    if (!ask(asked, MTASTS_RR_MX, on_mx))
      return;
  }
  if (search->running == 0)
    event_base_loopbreak(search->base);
}

static int open_resolver(struct search *search, const struct mtasts_config *config) {
  const char *named = search->options->resolver;
  const struct mtasts_resolver_options resolver = {
      .servers = named ? &named : config->dns.servers.items,
      .server_count = named ? 1 : config->dns.servers.count,
      .timeout = config->dns.timeout,
  };
  char error[MTASTS_ERROR_TEXT];
  search->base = event_base_new();
  if (!search->base) {
    mtasts_print_error("publish", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  if (mtasts_resolver_new(search->base, &resolver, error, &search->resolver) != MTASTS_OK) {
    mtasts_print_error("resolver", "%s; name one with --resolver", error);
    return MTASTS_EXIT_AWAY;
  }
  return MTASTS_EXIT_OK;
}

/* In the child. */
static int look_up(void *context, FILE *found) {
  struct search *search = context;
  struct mtasts_config *config = NULL;
  struct mtasts_identity identity;
  char error[MTASTS_ERROR_TEXT];
  if (mtasts_config_load(search->options->config, error, &config) != MTASTS_OK) {
    mtasts_print_error("configuration", "%s", error);
    return MTASTS_EXIT_CONFIG;
  }
  search->found = found;
  search->code = mtasts_identity_take(config, config->cache.directory, false, NULL, &identity);
  if (search->code == MTASTS_EXIT_OK)
    search->code = open_resolver(search, config);
  if (search->code == MTASTS_EXIT_OK) {
    ask_more(search);
    if (search->running > 0)
      event_base_dispatch(search->base);
  }
  mtasts_resolver_free(search->resolver);
  if (search->base)
    event_base_free(search->base);
  mtasts_config_free(config);
  return search->code;
}

/* Takes the child's lines, each of which it checks. False without memory. */
static bool take(struct mtasts_publish_list *list, const char *text) {
  struct mtasts_span left = mtasts_span_of(text);
  struct mtasts_span line;
  while (mtasts_span_cut(&left, '\n', &line)) {
    struct mtasts_span number;
    char host[MTASTS_DOMAIN_MAX];
    size_t item = 0;
    mtasts_span_cut(&line, ' ', &number);
    for (size_t i = 0; i < number.len; i++)
      item = item * 10 + (size_t)(number.data[i] - '0');
    size_t len = mtasts_mx_pattern(line, host);
    if (item >= list->count || len == 0)
      continue;
    if (!mtasts_publish_item_add(&list->items[item], (struct mtasts_span){host, len}))
      return false;
  }
  return true;
}

int mtasts_publish_mx_add(const struct mtasts_options *options, struct mtasts_publish_list *list) {
  struct search search = {.options = options, .list = list};
  char *text = NULL;
  int code = mtasts_child_run(look_up, &search, TEXT_MAX, &text);
  if (code == MTASTS_EXIT_OK && !take(list, text)) {
    mtasts_print_error("publish", "out of memory");
    code = MTASTS_EXIT_MEMORY;
  }
  free(text);
  return code;
}
