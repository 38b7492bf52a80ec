#include "policy_fetch.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "clock.h"
#include "dns_message.h"
#include "resolver.h"

enum {
  OF_ANSWER_MAX = 32, /* addresses of one answer that are used */
  SILENCE_MS = 200,   /* without an answer for IPv4, until IPv6 is asked for too */
};

enum {
  A,
  AAAA,
  FAMILIES
};

struct family {
  struct mtasts_dns_query *query;
  uint64_t started;
  bool asked;
  bool answered;
};

struct mtasts_policy_fetch {
  struct mtasts_policy_fetch_options options;
  struct family families[FAMILIES];
  struct mtasts_fetch *fetch;
  uint64_t fetch_started;
  struct event *wake;
  bool failed;
  bool held_last;                                 /* no addresses will follow those in `held` */
  size_t held_count;                              /* 0: the fetch is not held */
  struct in6_addr held[FAMILIES * OF_ANSWER_MAX]; /* addresses whose fetch waits for
                                                     mtasts_policy_fetch_admit */
  bool unresolved;
  bool local;                         /* the DNS failed for a fault of this host */
  bool theirs;                        /* the DNS failed for another reason */
  char detail[MTASTS_DETAIL_MAX + 1]; /* of the first failure of the DNS */
  char host[sizeof(struct mtasts_domain) + sizeof "mta-sts."];
};

static const char *const type_names[FAMILIES] = {[A] = "A", [AAAA] = "AAAA"};
static const uint16_t types[FAMILIES] = {[A] = MTASTS_RR_A, [AAAA] = MTASTS_RR_AAAA};

static void ask(struct mtasts_policy_fetch *fetch, unsigned which);

/* Makes the fetch fail from the loop; the detail says why. */
static void fail_soon(struct mtasts_policy_fetch *fetch) {
  fetch->failed = true;
  event_active(fetch->wake, EV_TIMEOUT, 0);
}

/* HTTPS */

static void trace_body(const struct mtasts_policy_fetch *fetch,
                       const struct mtasts_fetch_answer *answer) {
  const struct mtasts_policy_fetch_options *options = &fetch->options;
  char buffer[MTASTS_TRACE_MAX] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  char address[INET6_ADDRSTRLEN];
  if (!options->trace)
    return;
  mtasts_address_text(&answer->address, address, sizeof address);
  bool known = !IN6_IS_ADDR_UNSPECIFIED(&answer->address);
  if (answer->error == MTASTS_ERROR_NONE)
    mtasts_strbuf_printf(&text, "HTTPS %s: %ld, %zu bytes", fetch->host, answer->status,
                         answer->body.len);
  else
    mtasts_strbuf_printf(&text, "HTTPS %s: %s", fetch->host, answer->detail);
  if (known)
    mtasts_strbuf_printf(&text, ", address %s", address);
  mtasts_trace_step(options->trace, options->context, fetch->fetch_started, "3.3", &text);
}

static void take_body(void *context, const struct mtasts_fetch_answer *answer) {
  struct mtasts_policy_fetch *fetch = context;
  fetch->fetch = NULL;
  for (unsigned i = 0; i < FAMILIES; i++) {
    mtasts_resolver_cancel(fetch->families[i].query);
    fetch->families[i].query = NULL;
  }
  evtimer_del(fetch->wake);
  trace_body(fetch, answer);
  fetch->options.done(fetch->options.context, answer);
}

static void ask_other(void *context) {
  struct mtasts_policy_fetch *fetch = context;
  if (!fetch->families[AAAA].asked)
    ask(fetch, AAAA);
}

static void start_fetch(struct mtasts_policy_fetch *fetch, const struct mtasts_addresses *addresses,
                        bool last) {
  fetch->fetch_started = mtasts_clock_us();
  const struct mtasts_fetch_options options = {
      .host = fetch->host,
      .addresses = addresses,
      .done = take_body,
      .more = last ? NULL : ask_other,
      .context = fetch,
  };
  if (mtasts_fetcher_start(fetch->options.fetcher, &options, &fetch->fetch) == MTASTS_OK)
    return;
  snprintf(fetch->detail, sizeof fetch->detail, "no policy can be fetched now");
  fetch->local = true;
  fail_soon(fetch);
}

/* admission */

/* The limit counts by the first globally routable address, which other domains may share; without
 * one, by the first address. */
static bool is_admitted(const struct mtasts_policy_fetch *fetch,
                        const struct mtasts_addresses *addresses) {
  const struct mtasts_policy_fetch_options *options = &fetch->options;
  size_t first = 0;
  if (!options->admit)
    return true;
  while (first < addresses->count && !mtasts_address_global(&addresses->items[first]))
    first++;
  return options->admit(options->context, &addresses->items[first < addresses->count ? first : 0]);
}

static void hold(struct mtasts_policy_fetch *fetch, const struct mtasts_addresses *addresses,
                 bool last) {
  memcpy(fetch->held + fetch->held_count, addresses->items,
         addresses->count * sizeof *addresses->items);
  fetch->held_count += addresses->count;
  fetch->held_last = last;
}

void mtasts_policy_fetch_fault(const struct mtasts_policy_fetch *fetch, bool *unresolved,
                               bool *local) {
  bool held = fetch->held_count > 0;
  *unresolved = !held && !fetch->fetch;
  *local =
      held || (fetch->fetch ? mtasts_fetch_is_local(fetch->fetch) : fetch->local && !fetch->theirs);
}

void mtasts_policy_fetch_admit(struct mtasts_policy_fetch *fetch) {
  const struct mtasts_addresses addresses = {fetch->held, fetch->held_count};
  if (fetch->held_count == 0)
    return;
  fetch->held_count = 0;
  start_fetch(fetch, &addresses, fetch->held_last);
}

/* the addresses */

/* Copies the addresses of an answer, IPv4 mapped into IPv6. */
static size_t read_addresses(const struct mtasts_dns_message *message, struct in6_addr *addresses) {
  struct mtasts_rr rr;
  size_t count = 0;
  for (size_t cursor = 0; count < OF_ANSWER_MAX && mtasts_dns_message_next(message, &cursor, &rr);
       count++) {
    struct in6_addr *address = &addresses[count];
    *address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&address->s6_addr[sizeof *address - rr.rdata_size], rr.message + rr.rdata,
           rr.rdata_size);
  }
  return count;
}

static void trace_addresses(const struct mtasts_policy_fetch *fetch, unsigned which,
                            const struct mtasts_dns_answer *answer,
                            const struct mtasts_addresses *addresses) {
  char buffer[MTASTS_TRACE_MAX] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  char address[INET6_ADDRSTRLEN];
  for (size_t i = 0; i < addresses->count; i++) {
    const unsigned char *bytes = addresses->items[i].s6_addr;
    address[0] = '\0';
    inet_ntop(which == A ? AF_INET : AF_INET6, which == A ? bytes + 12 : bytes, address,
              sizeof address);
    mtasts_strbuf_printf(&text, "%s%s", i > 0 ? ", " : "", address);
  }
  mtasts_trace_answer(fetch->options.trace, fetch->options.context, fetch->families[which].started,
                      &(struct mtasts_trace_question){
                          .section = "3.3", .type = type_names[which], .name = fetch->host},
                      answer, &text);
}

static void take_addresses(struct mtasts_policy_fetch *fetch, unsigned which,
                           const struct mtasts_dns_answer *answer) {
  struct in6_addr items[OF_ANSWER_MAX];
  struct mtasts_addresses addresses = {items, 0};
  fetch->families[which].query = NULL;
  fetch->families[which].answered = true;
  if (which == A)
    evtimer_del(fetch->wake); /* IPv4 has answered */
  bool last = fetch->families[A].answered && fetch->families[AAAA].answered;
  if (answer->outcome == MTASTS_DNS_FAILED) {
    fetch->unresolved = true;
    fetch->local = fetch->local || answer->local;
    fetch->theirs = fetch->theirs || !answer->local;
  }
  if (answer->outcome == MTASTS_DNS_ANSWER)
    addresses.count = read_addresses(&answer->message, items);
  else if (answer->detail[0] && !fetch->detail[0])
    snprintf(fetch->detail, sizeof fetch->detail, "%s", answer->detail);
  trace_addresses(fetch, which, answer, &addresses);
  if (fetch->fetch)
    mtasts_fetch_add(fetch->fetch, &addresses, last);
  else if (fetch->held_count > 0 || (addresses.count > 0 && !is_admitted(fetch, &addresses)))
    hold(fetch, &addresses, last);
  else if (addresses.count > 0)
    start_fetch(fetch, &addresses, last);
  else if (!last)
    ask_other(fetch);
  else if (fetch->detail[0])
    fail_soon(fetch);
  else
    start_fetch(fetch, &addresses,
                last); /* starts without addresses, which reports that there are none */
}

static void take_a(void *context, const struct mtasts_dns_answer *answer) {
  take_addresses(context, A, answer);
}

static void take_aaaa(void *context, const struct mtasts_dns_answer *answer) {
  take_addresses(context, AAAA, answer);
}

static void ask(struct mtasts_policy_fetch *fetch, unsigned which) {
  struct family *family = &fetch->families[which];
  struct mtasts_dns_answer none = {.outcome = MTASTS_DNS_NXDOMAIN};
  mtasts_dns_fn *take = which == A ? take_a : take_aaaa;
  family->asked = true;
  family->started = mtasts_clock_us();
  /* If the name is longer than the DNS allows, no record can exist. */
  if (strlen(fetch->host) <= MTASTS_DOMAIN_MAX) {
    if (mtasts_resolver_ask(fetch->options.resolver, fetch->host, types[which], take, fetch,
                            &family->query) == MTASTS_OK)
      return;
    none.outcome = MTASTS_DNS_FAILED;
    none.local = true;
    snprintf(none.detail, sizeof none.detail, "%s: cannot be asked", type_names[which]);
  }
  take(fetch, &none);
}

/* its life */

static void on_wake(evutil_socket_t fd, short what, void *context) {
  struct mtasts_policy_fetch *fetch = context;
  struct mtasts_fetch_answer answer = {.error = MTASTS_ERROR_POLICY_FETCH,
                                       .unresolved = fetch->unresolved,
                                       .local = fetch->local && !fetch->theirs};
  (void)fd;
  (void)what;
  if (!fetch->failed) {
    ask_other(fetch);
    return;
  }
  snprintf(answer.detail, sizeof answer.detail, "%s", fetch->detail);
  fetch->options.done(fetch->options.context, &answer);
}

enum mtasts_status mtasts_policy_fetch_start(const struct mtasts_policy_fetch_options *options,
                                             struct mtasts_policy_fetch **fetch) {
  struct mtasts_policy_fetch *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->options = *options;
  snprintf(made->host, sizeof made->host, "mta-sts.%s", options->domain->name);
  made->wake = evtimer_new(options->base, on_wake, made);
  if (!made->wake) {
    mtasts_policy_fetch_free(made);
    return MTASTS_NO_MEMORY;
  }
  *fetch = made;
  if (!mtasts_fetcher_needs_addresses(options->fetcher)) {
    start_fetch(made, &(struct mtasts_addresses){NULL, 0}, true);
    return MTASTS_OK;
  }
  evtimer_add(made->wake, &(struct timeval){.tv_usec = SILENCE_MS * 1000});
  ask(made, A);
  return MTASTS_OK;
}

void mtasts_policy_fetch_free(struct mtasts_policy_fetch *fetch) {
  if (!fetch)
    return;
  for (unsigned i = 0; i < FAMILIES; i++)
    mtasts_resolver_cancel(fetch->families[i].query);
  mtasts_fetch_cancel(fetch->fetch);
  if (fetch->wake)
    event_free(fetch->wake);
  free(fetch);
}
