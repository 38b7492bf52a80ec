#include "reverse_names.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "address.h"
#include "span.h"

struct run;

/* One question of a run. */
struct question {
  struct run *run;
  struct mtasts_reverse_name *name;
  struct mtasts_dns_query *query; /* NULL: it has ended */
};

struct run {
  struct event_base *base;
  size_t open;
  struct question questions[MTASTS_REVERSE_MAX];
};

static bool read_address(struct mtasts_span text, struct in6_addr *address) {
  char plain[INET6_ADDRSTRLEN];
  struct in_addr four;
  if (text.len >= sizeof plain || memchr(text.data, '\0', text.len))
    return false;
  memcpy(plain, text.data, text.len);
  plain[text.len] = '\0';
  if (inet_pton(AF_INET6, plain, address) == 1)
    return true;
  if (inet_pton(AF_INET, plain, &four) != 1)
    return false;
  *address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
  memcpy(&address->s6_addr[12], &four, sizeof four);
  return true;
}

bool mtasts_reverse_query(struct mtasts_span text, char query[MTASTS_REVERSE_QUERY]) {
  static const char digits[] = "0123456789abcdef";
  struct in6_addr address;
  size_t at = 0;
  if (!read_address(text, &address) || !mtasts_address_global(&address))
    return false;
  const unsigned char *bytes = address.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    snprintf(query, MTASTS_REVERSE_QUERY, "%u.%u.%u.%u.in-addr.arpa", bytes[15], bytes[14],
             bytes[13], bytes[12]);
    return true;
  }
  for (size_t i = sizeof address.s6_addr; i-- > 0;) {
    query[at++] = digits[bytes[i] & 0xf];
    query[at++] = '.';
    query[at++] = digits[bytes[i] >> 4];
    query[at++] = '.';
  }
  memcpy(query + at, "ip6.arpa", sizeof "ip6.arpa");
  return true;
}

static void on_answer(void *context, const struct mtasts_dns_answer *answer) {
  struct question *question = context;
  struct mtasts_rr rr;
  size_t cursor = 0;
  question->query = NULL;
  if (answer->outcome == MTASTS_DNS_ANSWER &&
      mtasts_dns_message_next(&answer->message, &cursor, &rr) &&
      mtasts_rr_ptr(&rr, &question->name->name) != MTASTS_OK)
    question->name->name.len = 0;
  if (--question->run->open == 0)
    event_base_loopbreak(question->run->base);
}

static void ask(struct run *run, struct mtasts_resolver *resolver, size_t i) {
  struct question *question = &run->questions[i];
  char query[MTASTS_REVERSE_QUERY];
  if (!mtasts_reverse_query(question->name->address, query))
    return;
  if (mtasts_resolver_ask(resolver, query, MTASTS_RR_PTR, on_answer, question, &question->query) ==
      MTASTS_OK)
    run->open++;
}

enum mtasts_status mtasts_reverse_names(struct event_base *base, struct mtasts_resolver *resolver,
                                        uint32_t seconds, struct mtasts_reverse_name *names,
                                        size_t count) {
  const struct timeval deadline = {.tv_sec = (time_t)seconds};
  struct run *run = calloc(1, sizeof *run);
  if (!run)
    return MTASTS_NO_MEMORY;
  run->base = base;
  for (size_t i = 0; i < count && i < MTASTS_REVERSE_MAX; i++) {
    names[i].name.len = 0;
    run->questions[i] = (struct question){.run = run, .name = &names[i]};
    ask(run, resolver, i);
  }
  if (run->open > 0 && event_base_loopexit(base, &deadline) == 0)
    event_base_dispatch(base);
  for (size_t i = 0; i < count && i < MTASTS_REVERSE_MAX; i++)
    if (run->questions[i].query)
      mtasts_resolver_cancel(run->questions[i].query);
  free(run);
  return MTASTS_OK;
}
