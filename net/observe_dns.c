#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "observe_private.h"
#include "validator.h"

enum {
  IPV4,
  IPV6,
};

static const char unanswered[] = "no answer before the time of the call was over";

const struct mtasts_seen_answer mtasts_seen_unanswered = {
    .asked = true,
    .outcome = MTASTS_DNS_FAILED,
    .local = true,
    .detail = {unanswered, sizeof unanswered - 1},
};

struct question {
  struct mtasts_observer *observer;
  mtasts_dns_fn *callback;
  void *context;
};

/* Whatever the question: a failure is no answer. */
static void note(struct mtasts_observer *observer, const struct mtasts_dns_answer *answer) {
  observer->questions++;
  if (answer->outcome != MTASTS_DNS_FAILED)
    observer->answered = true;
}

static void take_root(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_observer *observer = context;
  observer->probing = false;
  note(observer, answer);
  mtasts_observer_ended(observer);
}

/* A server that answers with failures may be at fault itself, or the domain's name servers are. To
 * find out, one question is asked that does not depend on the domain: every working server can
 * answer for the root. */
static void ask_root(struct mtasts_observer *observer) {
  struct mtasts_dns_query *query;
  if (observer->answered || observer->probed)
    return;
  observer->probed = true;
  if (mtasts_resolver_ask(observer->resolver, "", MTASTS_RR_NS, take_root, observer, &query) !=
      MTASTS_OK) {
    observer->arena->failed = true;
    return;
  }
  observer->probing = true;
  mtasts_observer_expect(observer, 1);
}

static void pass_on(void *context, const struct mtasts_dns_answer *answer) {
  const struct question *question = context;
  struct mtasts_observer *observer = question->observer;
  note(observer, answer);
  if (answer->outcome == MTASTS_DNS_FAILED && !answer->local)
    ask_root(observer);
  if (answer->security != MTASTS_SECURITY_UNKNOWN)
    observer->validates = true;
  question->callback(question->context, answer);
  mtasts_observer_ended(observer);
}

void mtasts_observer_ask(struct mtasts_observer *observer, bool validated, const char *name,
                         uint16_t type, mtasts_dns_fn *callback, void *context) {
  struct question *question = mtasts_arena_alloc(observer->arena, sizeof *question);
  struct mtasts_dns_answer none = {.outcome = MTASTS_DNS_NXDOMAIN};
  enum mtasts_status status = MTASTS_NO_MEMORY;
  mtasts_observer_expect(observer, 1);
  if (question) {
    *question = (struct question){observer, callback, context};
    struct mtasts_dns_query *query;
    struct mtasts_validation *validation;
    status =
        validated && observer->validator
            ? mtasts_validator_ask(observer->validator, name, type, pass_on, question, &validation)
            : mtasts_resolver_ask(observer->resolver, name, type, pass_on, question, &query);
  }
  if (status == MTASTS_OK)
    return;
  if (status != MTASTS_INVALID) {
    observer->arena->failed = true;
    none = (struct mtasts_dns_answer){
        .outcome = MTASTS_DNS_FAILED, .local = true, .detail = "out of memory"};
  }
  /* A name that is longer than the DNS allows has no records. */
  callback(context, &none);
  mtasts_observer_ended(observer);
}

void mtasts_observer_take(struct mtasts_observer *observer, const struct mtasts_dns_answer *answer,
                          struct mtasts_seen_answer *seen) {
  bool none = answer->outcome == MTASTS_DNS_FAILED;
  *seen = (struct mtasts_seen_answer){
      .asked = true,
      .outcome = answer->outcome,
      .security = answer->security,
      .local = none && answer->local,
      .ttl = none ? 0 : answer->message.ttl,
  };
  if (*answer->detail)
    seen->detail = mtasts_arena_copy(observer->arena, mtasts_span_of(answer->detail));
}

/* addresses */

static bool has_address(const struct mtasts_observed_addresses *addresses, size_t family,
                        const struct in6_addr *address) {
  for (size_t i = 0; i < addresses->counts[family]; i++)
    if (memcmp(&addresses->items[family][i], address, sizeof *address) == 0)
      return true;
  return false;
}

/* Keeps the addresses of an answer, each once; IPv4 is mapped. */
static void read_addresses(struct mtasts_observed_addresses *addresses, size_t family,
                           const struct mtasts_dns_message *message) {
  struct mtasts_rr rr;
  for (size_t cursor = 0; mtasts_dns_message_next(message, &cursor, &rr);) {
    struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&address.s6_addr[sizeof address - rr.rdata_size], rr.message + rr.rdata, rr.rdata_size);
    if (has_address(addresses, family, &address))
      continue;
    if (addresses->counts[family] == MTASTS_OBSERVE_ADDRESSES) {
      addresses->cut = true;
      break;
    }
    addresses->items[family][addresses->counts[family]++] = address;
  }
}

static int compare_addresses(const void *a, const void *b) {
  return memcmp(a, b, sizeof(struct in6_addr));
}

/* An AAAA record may hold an IPv4 address in its mapped form: it counts once. */
static void drop_mapped(struct mtasts_observed_addresses *addresses) {
  size_t kept = 0;
  for (size_t i = 0; i < addresses->counts[IPV6]; i++)
    if (!has_address(addresses, IPV4, &addresses->items[IPV6][i]))
      addresses->items[IPV6][kept++] = addresses->items[IPV6][i];
  addresses->counts[IPV6] = kept;
}

/* In an order that does not depend on the answers': many servers rotate them. */
static void end_addresses(struct mtasts_observed_addresses *addresses) {
  drop_mapped(addresses);
  for (size_t family = IPV4; family <= IPV6; family++)
    qsort(addresses->items[family], addresses->counts[family], sizeof *addresses->items[family],
          compare_addresses);
  size_t ipv4 = addresses->counts[IPV4];
  size_t ipv6 = addresses->counts[IPV6];
  struct in6_addr *items =
      mtasts_arena_array(addresses->observer->arena, ipv4 + ipv6, sizeof *items);
  if (items) {
    memcpy(items, addresses->items[IPV4], ipv4 * sizeof *items);
    memcpy(items + ipv4, addresses->items[IPV6], ipv6 * sizeof *items);
    addresses->seen.items = items;
    addresses->seen.count = ipv4 + ipv6;
  }
  addresses->done(addresses->context);
}

static void take_family(struct mtasts_observed_addresses *addresses, size_t family,
                        const struct mtasts_dns_answer *answer) {
  struct mtasts_observer *observer = addresses->observer;
  struct mtasts_domain alias;
  mtasts_observer_take(observer, answer,
                       family == IPV4 ? &addresses->seen.a : &addresses->seen.aaaa);
  if (answer->outcome == MTASTS_DNS_ANSWER)
    read_addresses(addresses, family, &answer->message);
  if ((answer->outcome == MTASTS_DNS_ANSWER || answer->outcome == MTASTS_DNS_NODATA) &&
      !addresses->seen.alias.data &&
      mtasts_dns_message_alias(&answer->message, addresses->name, &alias) == MTASTS_OK) {
    addresses->seen.alias =
        mtasts_arena_copy(observer->arena, (struct mtasts_span){alias.name, alias.len});
    addresses->secure_alias = answer->security == MTASTS_SECURITY_SECURE;
  }
  if (--addresses->pending == 0)
    end_addresses(addresses);
}

static void take_a(void *context, const struct mtasts_dns_answer *answer) {
  take_family(context, IPV4, answer);
}

static void take_aaaa(void *context, const struct mtasts_dns_answer *answer) {
  take_family(context, IPV6, answer);
}

void mtasts_observed_addresses_ask(struct mtasts_observed_addresses *addresses) {
  addresses->pending = 2;
  addresses->seen.a = addresses->seen.aaaa = mtasts_seen_unanswered;
  mtasts_observer_ask(addresses->observer, addresses->validated, addresses->name, MTASTS_RR_A,
                      take_a, addresses);
  mtasts_observer_ask(addresses->observer, addresses->validated, addresses->name, MTASTS_RR_AAAA,
                      take_aaaa, addresses);
}
