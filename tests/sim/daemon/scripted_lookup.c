#include "scripted_lookup.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "entry_codec.h"
#include "mx_list.h"

struct mtasts_lookup {
  const struct mtasts_net *net;
  mtasts_lookup_fn *done;
  void *context;
  struct event *wake;
  uint32_t number;
  bool begun;
  bool forced;
  unsigned needs;
  int64_t fails_at; /* 0: does not wait for a host that is down */
  TAILQ_ENTRY(mtasts_lookup) link;

  /* What the discovery's entry points into. */
  struct mtasts_discovery discovery;
  struct mtasts_entry cached;
  unsigned char *known_bytes;
  unsigned char policy_store[256];
  unsigned char mx_store[64];
  char detail[MTASTS_DETAIL_MAX + 1];
};

static const struct world_member *member_of(const struct mtasts_lookup *lookup) {
  return &lookup->net->resolver->members[lookup->number];
}

static void tell(const struct mtasts_lookup *lookup, enum scripted_event event) {
  const struct mtasts_resolver *net = lookup->net->resolver;
  net->tell(net->context, lookup->number, event, lookup->forced);
}

static bool dns_is_down(const struct world_member *member, int64_t now) {
  return member->kind == WORLD_DNS_DOWN && world_happens(member, now);
}

static bool https_is_down(const struct world_member *member, int64_t now) {
  return (member->kind == WORLD_HTTPS_DOWN || member->kind == WORLD_NONE_DOWN) &&
         world_happens(member, now);
}

static void answer_txt(struct mtasts_lookup *lookup, bool failed) {
  const struct world_member *member = member_of(lookup);
  int64_t now = lookup->net->now();
  bool changed = member->kind == WORLD_CHANGING && world_happens(member, now);
  bool gone = member->kind == WORLD_GONE && world_happens(member, now);
  const struct mtasts_span record =
      changed ? MTASTS_SPAN("v=STSv1; id=2;") : MTASTS_SPAN("v=STSv1; id=1;");
  struct mtasts_txt_answer txt = {
      .outcome = MTASTS_DNS_ANSWER, .ttl = member->ttl, .texts = &record, .count = 1};
  if (failed)
    txt = (struct mtasts_txt_answer){.outcome = MTASTS_DNS_FAILED,
                                     .detail = MTASTS_SPAN("TXT: SERVFAIL")};
  else if (gone || member->kind == WORLD_ABSENT)
    txt = (struct mtasts_txt_answer){.outcome = MTASTS_DNS_NXDOMAIN, .ttl = member->ttl};
  lookup->needs = mtasts_discover_txt(&lookup->discovery, &txt, now);
  tell(lookup, failed ? SCRIPTED_TXT_FAILED : SCRIPTED_TXT_ANSWERED);
}

static void answer_mx(struct mtasts_lookup *lookup) {
  struct mtasts_mx_host host = {.preference = 10, .host = MTASTS_SPAN("mx.example")};
  struct mtasts_mx_answer mx = {.state = MTASTS_MX_LISTED, .ttl = member_of(lookup)->ttl};
  mtasts_mx_list_pack(&host, 1, lookup->mx_store, &mx.mx);
  lookup->needs = mtasts_discover_mx(&lookup->discovery, &mx, lookup->net->now());
}

static void answer_policy(struct mtasts_lookup *lookup, bool failed) {
  const struct world_member *member = member_of(lookup);
  char body[128];
  int length =
      snprintf(body, sizeof body, "version: STSv1\nmode: %s\nmx: mx.example\nmax_age: %u\n",
               mtasts_mode_name(member->mode), (unsigned)member->max_age);
  struct mtasts_policy_answer answer = {.body = {body, (size_t)length},
                                        .store = lookup->policy_store,
                                        .detail_store = lookup->detail};
  if (failed)
    answer = (struct mtasts_policy_answer){.error = MTASTS_ERROR_POLICY_FETCH,
                                           .detail = MTASTS_SPAN("HTTPS: connection timed out")};
  lookup->needs = mtasts_discover_policy(&lookup->discovery, &answer, lookup->net->now());
  tell(lookup, failed ? SCRIPTED_FETCH_FAILED : SCRIPTED_FETCHED);
}

static void wait_in_vain(struct mtasts_lookup *lookup) {
  lookup->fails_at = lookup->net->now() + SCRIPTED_TIMEOUT;
  TAILQ_INSERT_TAIL(&lookup->net->resolver->waiting, lookup, link);
}

/* One question after the other, until there is none or one that has to wait. */
static void advance(struct mtasts_lookup *lookup) {
  const struct world_member *member = member_of(lookup);
  int64_t now = lookup->net->now();
  if (lookup->needs & MTASTS_NEED_MX)
    answer_mx(lookup);
  if (lookup->needs & MTASTS_NEED_TXT) {
    tell(lookup, SCRIPTED_TXT);
    if (dns_is_down(member, now)) {
      wait_in_vain(lookup);
      return;
    }
    answer_txt(lookup, false);
  }
  if (lookup->needs & MTASTS_NEED_POLICY) {
    tell(lookup, SCRIPTED_FETCH);
    if (https_is_down(member, now)) {
      wait_in_vain(lookup);
      return;
    }
    answer_policy(lookup, false);
  }
  event_active(lookup->wake, EV_TIMEOUT, 0);
}

void scripted_net_init(struct mtasts_resolver *net) {
  TAILQ_INIT(&net->waiting);
}

void scripted_net_pass(struct mtasts_resolver *net, int64_t now) {
  struct mtasts_lookup *lookup;
  while ((lookup = TAILQ_FIRST(&net->waiting)) && lookup->fails_at <= now) {
    TAILQ_REMOVE(&net->waiting, lookup, link);
    lookup->fails_at = 0;
    if (lookup->needs & MTASTS_NEED_TXT)
      answer_txt(lookup, true);
    else
      answer_policy(lookup, true);
    advance(lookup);
  }
}

static void wake(evutil_socket_t fd, short what, void *context) {
  struct mtasts_lookup *lookup = context;
  (void)fd;
  (void)what;
  if (lookup->begun) {
    lookup->done(lookup->context, &lookup->discovery);
    return;
  }
  lookup->begun = true;
  lookup->needs = mtasts_discover_begin(&lookup->discovery, &lookup->net->settings,
                                        lookup->known_bytes ? &lookup->cached : NULL,
                                        lookup->forced, lookup->net->now());
  advance(lookup);
}

static bool copy_known(struct mtasts_lookup *lookup, const struct mtasts_entry *cached) {
  size_t size = mtasts_entry_size(cached);
  lookup->known_bytes = malloc(size);
  if (!lookup->known_bytes)
    return false;
  mtasts_entry_encode(cached, lookup->known_bytes);
  return mtasts_entry_decode(lookup->known_bytes, size, &lookup->cached) == MTASTS_OK;
}

enum mtasts_status mtasts_lookup_start(const struct mtasts_lookup_options *options,
                                       struct mtasts_lookup **lookup) {
  struct mtasts_lookup *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->net = options->net;
  made->number = world_number(options->domain);
  made->forced = options->forced;
  made->done = options->done;
  made->context = options->context;
  made->wake = evtimer_new(options->base, wake, made);
  if (!made->wake || (options->cached && !copy_known(made, options->cached))) {
    mtasts_lookup_free(made);
    return MTASTS_NO_MEMORY;
  }
  event_active(made->wake, EV_TIMEOUT, 0);
  *lookup = made;
  return MTASTS_OK;
}

void mtasts_lookup_expire(struct mtasts_lookup *lookup) {
  (void)lookup; /* the scripted net has no slow servers */
}

/* Nothing is held here. */
void mtasts_lookup_admit(struct mtasts_lookup *lookup) {
  (void)lookup;
}

void mtasts_lookup_free(struct mtasts_lookup *lookup) {
  if (!lookup)
    return;
  if (lookup->fails_at > 0)
    TAILQ_REMOVE(&lookup->net->resolver->waiting, lookup, link);
  if (lookup->wake)
    event_free(lookup->wake);
  free(lookup->known_bytes);
  free(lookup);
}
