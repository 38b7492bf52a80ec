#include "lookup.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ascii.h"
#include "clock.h"
#include "dane.h"
#include "dns_message.h"
#include "fetch.h"
#include "mx_dane.h"
#include "mx_list.h"
#include "policy_fetch.h"
#include "resolver.h"
#include "validator.h"

/* The questions to the DNS. */
enum {
  TXT,
  MX,
  QUESTIONS
};

struct question {
  const char *prefix;
  const char *type_name;
  const char *section; /* of RFC 8461, for the trace */
  uint16_t type;
};

static const struct question questions[QUESTIONS] = {
    [TXT] = {"_mta-sts.", "TXT", "3.1", MTASTS_RR_TXT},
    [MX] = {"", "MX", "4.1", MTASTS_RR_MX},
};

struct mtasts_lookup {
  const struct mtasts_net *net;
  mtasts_lookup_fn *done;
  mtasts_trace_fn *trace;
  void *context;
  struct event_base *base;
  struct event *wake;
  struct event *expiry;
  struct mtasts_domain domain;
  bool begun;
  bool expired;
  uint64_t begin; /* microseconds */
  bool forced;
  unsigned asked; /* the needs that were asked so far */
  struct mtasts_discovery discovery;

  struct mtasts_dns_query *queries[QUESTIONS];
  uint64_t started[QUESTIONS]; /* microseconds */
  struct mtasts_validation *mx_validation;
  struct mtasts_mx_dane *dane;
  bool dane_pending;
  uint64_t dane_started;
  struct mtasts_policy_fetch *fetch;

  /* What the discovery's entry points into. */
  struct mtasts_entry cached;
  unsigned char *cached_bytes;
  struct mtasts_span *texts; /* their bytes follow them */
  unsigned char *policy_store;
  unsigned char *mx_store;
  struct mtasts_mx_list mx;
  char txt_detail[MTASTS_DETAIL_MAX + 1];
  char mx_detail[MTASTS_DETAIL_MAX + 1];
  char policy_detail[MTASTS_DETAIL_MAX + 1];
};

static void advance(struct mtasts_lookup *lookup, unsigned needs);

/* the trace */

static void trace(const struct mtasts_lookup *lookup, uint64_t started, const char *section,
                  const struct mtasts_strbuf *text) {
  mtasts_trace_step(lookup->trace, lookup->context, started, section, text);
}

/* Traces the result of a question: `data`, or why there is none. */
static void trace_answer(const struct mtasts_lookup *lookup, unsigned which,
                         const struct mtasts_dns_answer *answer, const struct mtasts_strbuf *data) {
  const struct question *question = &questions[which];
  char name[MTASTS_DOMAIN_MAX + sizeof "_mta-sts."];
  snprintf(name, sizeof name, "%s%s", question->prefix, lookup->domain.name);
  const struct mtasts_trace_question asked = {question->section, question->type_name, name};
  mtasts_trace_answer(lookup->trace, lookup->context, lookup->started[which], &asked, answer, data);
}

/* asking the DNS */

#define TOO_LATE "given up after %.1f s: the look-up took too long"

static double seconds_of(const struct mtasts_lookup *lookup) {
  return (double)(mtasts_clock_us() - lookup->begin) / 1e6;
}

static enum mtasts_status send_question(struct mtasts_lookup *lookup, unsigned which,
                                        const char *name, mtasts_dns_fn *callback) {
  const struct mtasts_net *net = lookup->net;
  if (which == MX && net->validator)
    return mtasts_validator_ask(net->validator, name, questions[which].type, callback, lookup,
                                &lookup->mx_validation);
  return mtasts_resolver_ask(net->resolver, name, questions[which].type, callback, lookup,
                             &lookup->queries[which]);
}

/* The deadline is over: gives the callback a failed answer. */
static void fail_question(struct mtasts_lookup *lookup, unsigned which, mtasts_dns_fn *callback) {
  const struct question *question = &questions[which];
  struct mtasts_dns_answer none = {.outcome = MTASTS_DNS_FAILED};
  snprintf(none.detail, sizeof none.detail, "%s %s%.150s: " TOO_LATE, question->type_name,
           question->prefix, lookup->domain.name, seconds_of(lookup));
  callback(lookup, &none);
}

/* Asks. The answer comes to the callback; at once if the query cannot be sent. */
static void ask(struct mtasts_lookup *lookup, unsigned which, mtasts_dns_fn *callback) {
  const struct question *question = &questions[which];
  char name[MTASTS_DOMAIN_MAX + sizeof "_mta-sts."];
  struct mtasts_dns_answer none = {.outcome = MTASTS_DNS_NXDOMAIN};
  lookup->started[which] = mtasts_clock_us();
  if (lookup->expired) {
    fail_question(lookup, which, callback);
    return;
  }
  int length = snprintf(name, sizeof name, "%s%s", question->prefix, lookup->domain.name);
  /* If the name is longer than the DNS allows, no record can exist. */
  if (length <= MTASTS_DOMAIN_MAX) {
    if (send_question(lookup, which, name, callback) == MTASTS_OK)
      return;
    none.outcome = MTASTS_DNS_FAILED;
    none.local = true;
    snprintf(none.detail, sizeof none.detail, "%s: cannot be asked", question->type_name);
  }
  callback(lookup, &none);
}

/* the TXT record */

/* Joins the strings of each record. Returns false without memory. */
static bool read_texts(struct mtasts_lookup *lookup, const struct mtasts_dns_message *message,
                       struct mtasts_txt_answer *txt) {
  struct mtasts_rr rr;
  size_t bytes = 0;
  for (size_t cursor = 0; mtasts_dns_message_next(message, &cursor, &rr);)
    bytes += rr.rdata_size;
  lookup->texts = malloc(message->count * sizeof *lookup->texts + bytes);
  if (!lookup->texts)
    return false;
  char *out = (char *)(lookup->texts + message->count);
  for (size_t cursor = 0; mtasts_dns_message_next(message, &cursor, &rr); txt->count++) {
    struct mtasts_span text = {out, mtasts_rr_txt(&rr, out)};
    lookup->texts[txt->count] = text;
    out += text.len;
  }
  txt->texts = lookup->texts;
  return true;
}

static void take_txt(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_lookup *lookup = context;
  struct mtasts_txt_answer txt = {.outcome = answer->outcome, .local = answer->local};
  char buffer[MTASTS_TRACE_MAX] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  lookup->queries[TXT] = NULL;
  snprintf(lookup->txt_detail, sizeof lookup->txt_detail, "%s", answer->detail);
  if (txt.outcome != MTASTS_DNS_FAILED && txt.outcome != MTASTS_DNS_BOGUS)
    txt.ttl = answer->message.ttl;
  if (txt.outcome == MTASTS_DNS_ANSWER && !read_texts(lookup, &answer->message, &txt)) {
    txt.outcome = MTASTS_DNS_FAILED;
    txt.local = true;
    snprintf(lookup->txt_detail, sizeof lookup->txt_detail, "TXT: out of memory");
  }
  txt.detail = mtasts_span_of(lookup->txt_detail);
  for (size_t i = 0; i < txt.count; i++) {
    if (i > 0)
      mtasts_strbuf_put(&text, " | ");
    mtasts_strbuf_printable(&text, txt.texts[i]);
  }
  trace_answer(lookup, TXT, answer, &text);
  advance(lookup, mtasts_discover_txt(&lookup->discovery, &txt, lookup->net->now()));
}

/* the MX hosts */

/* Packs the hosts into the look-up. Returns false without memory. */
static bool pack_hosts(struct mtasts_lookup *lookup, struct mtasts_mx_host *hosts, size_t count,
                       struct mtasts_mx_answer *mx) {
  lookup->mx_store = malloc(mtasts_mx_list_size(hosts, count));
  if (!lookup->mx_store)
    return false;
  mtasts_mx_list_pack(hosts, count, lookup->mx_store, &mx->mx);
  return true;
}

/* The hosts of the MX records; an exchange that is no host name is skipped. */
static enum mtasts_mx_state read_hosts(struct mtasts_lookup *lookup,
                                       const struct mtasts_dns_message *message,
                                       struct mtasts_mx_answer *mx) {
  enum mtasts_mx_state state = MTASTS_MX_ERROR;
  struct mtasts_mx_host *hosts = calloc(message->count, sizeof *hosts);
  struct mtasts_domain *names = calloc(message->count, sizeof *names);
  struct mtasts_rr rr;
  size_t count = 0;
  if (!hosts || !names)
    goto done;
  for (size_t cursor = 0; mtasts_dns_message_next(message, &cursor, &rr);) {
    struct mtasts_domain *name = &names[count];
    if (mtasts_rr_mx(&rr, &hosts[count].preference, name) != MTASTS_OK)
      continue;
    if (name->len > 0) {
      hosts[count++].host = (struct mtasts_span){name->name, name->len};
    } else if (message->count == 1) {
      state = MTASTS_MX_NULL; /* RFC 7505: only valid as the only MX record */
    }
  }
  if (count > 0 && pack_hosts(lookup, hosts, count, mx))
    state = MTASTS_MX_LISTED;
done:
  free(hosts);
  free(names);
  return state;
}

static void trace_hosts(const struct mtasts_lookup *lookup, const struct mtasts_dns_answer *answer,
                        const struct mtasts_mx_answer *mx) {
  char buffer[MTASTS_TRACE_MAX] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  struct mtasts_mx_host host;
  for (size_t cursor = 0; mtasts_mx_next(&mx->mx, &cursor, &host);)
    mtasts_strbuf_printf(&text, "%s%u %.*s", text.len > 0 ? ", " : "", (unsigned)host.preference,
                         (int)host.host.len, host.host.data);
  if (mx->state == MTASTS_MX_NULL)
    mtasts_strbuf_put(&text, "takes no mail");
  if (mx->state == MTASTS_MX_ERROR)
    mtasts_strbuf_put(&text, "no exchange is a host name");
  trace_answer(lookup, MX, answer, &text);
}

/* RFC 7672 section 2.2.1. */
static void trace_security(const struct mtasts_lookup *lookup, const struct mtasts_mx_answer *mx) {
  static const char *const text_of[] = {
      [MTASTS_SECURITY_UNKNOWN] = "not validated: DANE is not known",
      [MTASTS_SECURITY_INSECURE] = "insecure, unsigned: no DANE",
      [MTASTS_SECURITY_SECURE] = "secure",
      [MTASTS_SECURITY_BOGUS] = "bogus: mail is deferred",
  };
  char buffer[MTASTS_TRACE_MAX] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  if (!lookup->net->validator || !lookup->trace)
    return;
  mtasts_strbuf_printf(&text, "MX %s: %s", lookup->domain.name, text_of[mx->security]);
  trace(lookup, lookup->started[MX], "RFC 7672 2.2.1", &text);
}

static void take_mx(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_lookup *lookup = context;
  struct mtasts_mx_answer mx = {.state = MTASTS_MX_ERROR};
  struct mtasts_mx_host self = {.host = {lookup->domain.name, lookup->domain.len}};
  lookup->queries[MX] = NULL;
  lookup->mx_validation = NULL;
  mx.security = answer->security;
  mx.local = answer->local;
  snprintf(lookup->mx_detail, sizeof lookup->mx_detail, "%s", answer->detail);
  mx.detail = mtasts_span_of(lookup->mx_detail);
  switch (answer->outcome) {
  case MTASTS_DNS_ANSWER:
    mx.state = read_hosts(lookup, &answer->message, &mx);
    break;
  case MTASTS_DNS_NODATA:
    /* RFC 5321 section 5.1: without MX records the domain itself is its host. */
    if (pack_hosts(lookup, &self, 1, &mx))
      mx.state = MTASTS_MX_IMPLICIT;
    break;
  case MTASTS_DNS_NXDOMAIN:
    mx.state = MTASTS_MX_NXDOMAIN;
    break;
  case MTASTS_DNS_FAILED:
  case MTASTS_DNS_BOGUS:
    break;
  }
  if (mx.state != MTASTS_MX_ERROR)
    mx.ttl = answer->message.ttl;
  lookup->mx = mx.mx;
  trace_hosts(lookup, answer, &mx);
  trace_security(lookup, &mx);
  advance(lookup, mtasts_discover_mx(&lookup->discovery, &mx, lookup->net->now()));
}

/* DANE */

static void take_dane(void *context, const struct mtasts_dane_answer *answer) {
  struct mtasts_lookup *lookup = context;
  lookup->dane_pending = false;
  char buffer[MTASTS_TRACE_MAX] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  enum mtasts_dane dane = mtasts_dane_of_hosts(&answer->mx);
  mtasts_strbuf_printf(&text, "DANE %s: %s%s", lookup->domain.name, mtasts_dane_name(dane),
                       dane == MTASTS_DANE_MIXED ? " for some of its hosts" : "");
  trace(lookup, lookup->dane_started, "RFC 7672 2.2", &text);
  advance(lookup, mtasts_discover_dane(&lookup->discovery, answer, lookup->net->now()));
}

static void pass_trace(void *context, uint64_t microseconds, const char *section,
                       const char *text) {
  const struct mtasts_lookup *lookup = context;
  lookup->trace(lookup->context, microseconds, section, text);
}

static void ask_dane(struct mtasts_lookup *lookup) {
  char why[MTASTS_DETAIL_MAX + 1] = "DANE: out of memory";
  const struct mtasts_mx_dane_options options = {
      .validator = lookup->net->validator,
      .base = lookup->base,
      .hosts = &lookup->mx,
      .done = take_dane,
      .trace = lookup->trace ? pass_trace : NULL,
      .context = lookup,
  };
  lookup->dane_started = mtasts_clock_us();
  lookup->dane_pending = true;
  if (lookup->expired)
    snprintf(why, sizeof why, "DANE %.150s: " TOO_LATE, lookup->domain.name, seconds_of(lookup));
  else if (lookup->net->validator && mtasts_mx_dane_start(&options, &lookup->dane) == MTASTS_OK)
    return;
  /* If the look-up cannot start, the hosts must not count as hosts without DANE. */
  struct mtasts_mx_host host;
  for (size_t at = 0, next = 0; mtasts_mx_next(&lookup->mx, &next, &host); at = next)
    lookup->mx_store[at + MTASTS_MX_LIST_DANE] = MTASTS_DANE_ERROR;
  take_dane(lookup, &(struct mtasts_dane_answer){.mx = lookup->mx, .detail = mtasts_span_of(why)});
}

/* the policy */

static void take_policy(struct mtasts_lookup *lookup, const struct mtasts_policy_answer *answer) {
  struct mtasts_discovery *discovery = &lookup->discovery;
  uint64_t started = mtasts_clock_us();
  unsigned needs = mtasts_discover_policy(discovery, answer, lookup->net->now());
  const struct mtasts_policy *policy = &discovery->entry.policy;
  char buffer[MTASTS_TRACE_MAX] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  if (answer->error == MTASTS_ERROR_NONE) {
    if (discovery->freshness != MTASTS_FETCHED)
      mtasts_strbuf_printable(&text, discovery->entry.detail);
    else
      mtasts_strbuf_printf(&text, "policy: %s, %zu mx pattern%s, max_age %u",
                           mtasts_mode_name(policy->mode), policy->mx.count,
                           policy->mx.count == 1 ? "" : "s", (unsigned)policy->max_age);
    trace(lookup, started, "3.2", &text);
  }
  advance(lookup, needs);
}

/* There is no body; policy_detail says why. */
static void fail_policy(struct mtasts_lookup *lookup, struct mtasts_policy_answer answer) {
  answer.detail = mtasts_span_of(lookup->policy_detail);
  take_policy(lookup, &answer);
}

static void fail_start(struct mtasts_lookup *lookup) {
  snprintf(lookup->policy_detail, sizeof lookup->policy_detail, "no policy can be fetched now");
  fail_policy(lookup,
              (struct mtasts_policy_answer){.error = MTASTS_ERROR_POLICY_FETCH, .local = true});
}

static void take_body(void *context, const struct mtasts_fetch_answer *answer) {
  struct mtasts_lookup *lookup = context;
  mtasts_policy_fetch_free(lookup->fetch);
  lookup->fetch = NULL;
  if (answer->error != MTASTS_ERROR_NONE) {
    snprintf(lookup->policy_detail, sizeof lookup->policy_detail, "%s", answer->detail);
    fail_policy(lookup, (struct mtasts_policy_answer){.error = answer->error,
                                                      .unresolved = answer->unresolved,
                                                      .local = answer->local,
                                                      .dated = answer->dated});
    return;
  }
  lookup->policy_store = malloc(answer->body.len + 1);
  if (!lookup->policy_store) {
    fail_start(lookup);
    return;
  }
  take_policy(lookup, &(struct mtasts_policy_answer){
                          .body = answer->body,
                          .store = lookup->policy_store,
                          .detail_store = lookup->policy_detail,
                      });
}

/* unresolved, local: as those of the answer. */
static void fail_late(struct mtasts_lookup *lookup, bool unresolved, bool local) {
  snprintf(lookup->policy_detail, sizeof lookup->policy_detail, "mta-sts.%.150s: " TOO_LATE,
           lookup->domain.name, seconds_of(lookup));
  fail_policy(lookup, (struct mtasts_policy_answer){.error = MTASTS_ERROR_POLICY_FETCH,
                                                    .unresolved = unresolved,
                                                    .local = local});
}

static bool ask_admission(void *context, const struct in6_addr *address) {
  const struct mtasts_lookup *lookup = context;
  return lookup->net->admit(lookup->context, address);
}

void mtasts_lookup_admit(struct mtasts_lookup *lookup) {
  if (lookup->fetch)
    mtasts_policy_fetch_admit(lookup->fetch);
}

static void ask_policy(struct mtasts_lookup *lookup) {
  const struct mtasts_policy_fetch_options options = {
      .base = lookup->base,
      .resolver = lookup->net->resolver,
      .fetcher = lookup->net->fetcher,
      .domain = &lookup->domain,
      .admit = lookup->net->admit ? ask_admission : NULL,
      .done = take_body,
      .trace = lookup->trace ? pass_trace : NULL,
      .context = lookup,
  };
  if (lookup->expired)
    fail_late(lookup, true, false); /* the policy host was not asked */
  else if (mtasts_policy_fetch_start(&options, &lookup->fetch) != MTASTS_OK)
    fail_start(lookup);
}

/* the life of a look-up */

/* Asks for what is needed and was not asked yet. The callback for the end comes from the loop,
 * since it may free the look-up, and this function runs inside other steps. */
static void advance(struct mtasts_lookup *lookup, unsigned needs) {
  unsigned new_needs = needs & ~lookup->asked;
  lookup->asked |= new_needs;
  if (new_needs & MTASTS_NEED_TXT)
    ask(lookup, TXT, take_txt);
  if (new_needs & MTASTS_NEED_MX)
    ask(lookup, MX, take_mx);
  if (new_needs & MTASTS_NEED_POLICY)
    ask_policy(lookup);
  if (new_needs & MTASTS_NEED_DANE)
    ask_dane(lookup);
  if (needs == 0)
    event_active(lookup->wake, EV_TIMEOUT, 0);
}

void mtasts_lookup_expire(struct mtasts_lookup *lookup) {
  if (lookup->expired)
    return;
  lookup->expired = true;
  /* Each call also ends what its question would need next. */
  if (lookup->queries[TXT]) {
    mtasts_resolver_cancel(lookup->queries[TXT]);
    fail_question(lookup, TXT, take_txt);
  }
  if (lookup->queries[MX] || lookup->mx_validation) {
    mtasts_resolver_cancel(lookup->queries[MX]);
    mtasts_validation_cancel(lookup->mx_validation);
    fail_question(lookup, MX, take_mx);
  }
  if (lookup->fetch) {
    bool unresolved;
    bool local;
    mtasts_policy_fetch_fault(lookup->fetch, &unresolved, &local);
    mtasts_policy_fetch_free(lookup->fetch);
    lookup->fetch = NULL;
    fail_late(lookup, unresolved, local);
  }
  if (lookup->dane_pending)
    mtasts_mx_dane_expire(lookup->dane);
}

static void on_expiry(evutil_socket_t socket, short what, void *context) {
  (void)socket;
  (void)what;
  mtasts_lookup_expire(context);
}

static void wake(evutil_socket_t socket, short what, void *context) {
  struct mtasts_lookup *lookup = context;
  (void)socket;
  (void)what;
  if (lookup->begun) {
    event_del(lookup->expiry);
    lookup->done(lookup->context, &lookup->discovery);
    return;
  }
  lookup->begun = true;
  lookup->begin = mtasts_clock_us();
  if (lookup->net->deadline > 0)
    event_add(lookup->expiry, &(struct timeval){.tv_sec = lookup->net->deadline});
  advance(lookup, mtasts_discover_begin(&lookup->discovery, &lookup->net->settings,
                                        lookup->cached_bytes ? &lookup->cached : NULL,
                                        lookup->forced, lookup->net->now()));
}

/* Copies an entry and what it points into. Returns false without memory. */
static bool copy_cached(struct mtasts_lookup *lookup, const struct mtasts_entry *cached) {
  const size_t patterns = cached->policy.mx.size;
  const size_t hosts = cached->mx.size;
  const size_t detail = cached->detail.len;
  unsigned char *bytes = malloc(patterns + hosts + detail + 1);
  if (!bytes)
    return false;
  if (patterns > 0)
    memcpy(bytes, cached->policy.mx.data, patterns);
  if (hosts > 0)
    memcpy(bytes + patterns, cached->mx.data, hosts);
  if (detail > 0)
    memcpy(bytes + patterns + hosts, cached->detail.data, detail);
  lookup->cached = *cached;
  lookup->cached.policy.mx.data = bytes;
  lookup->cached.mx.data = bytes + patterns;
  lookup->cached.detail.data = (const char *)bytes + patterns + hosts;
  lookup->cached_bytes = bytes;
  return true;
}

enum mtasts_status mtasts_lookup_start(const struct mtasts_lookup_options *options,
                                       struct mtasts_lookup **lookup) {
  struct mtasts_lookup *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->net = options->net;
  made->base = options->base;
  made->domain = *options->domain;
  made->forced = options->forced;
  made->done = options->done;
  made->trace = options->trace;
  made->context = options->context;
  made->wake = evtimer_new(made->base, wake, made);
  made->expiry = evtimer_new(made->base, on_expiry, made);
  if (!made->wake || !made->expiry || (options->cached && !copy_cached(made, options->cached))) {
    mtasts_lookup_free(made);
    return MTASTS_NO_MEMORY;
  }
  event_active(made->wake, EV_TIMEOUT, 0);
  *lookup = made;
  return MTASTS_OK;
}

void mtasts_lookup_free(struct mtasts_lookup *lookup) {
  if (!lookup)
    return;
  for (size_t i = 0; i < QUESTIONS; i++)
    mtasts_resolver_cancel(lookup->queries[i]);
  mtasts_validation_cancel(lookup->mx_validation);
  mtasts_mx_dane_free(lookup->dane);
  mtasts_policy_fetch_free(lookup->fetch);
  if (lookup->wake)
    event_free(lookup->wake);
  if (lookup->expiry)
    event_free(lookup->expiry);
  free(lookup->cached_bytes);
  free(lookup->texts);
  free(lookup->policy_store);
  free(lookup->mx_store);
  free(lookup);
}
