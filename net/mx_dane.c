#include "mx_dane.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "bounds.h"
#include "clock.h"
#include "dane.h"
#include "mx_list.h"
#include "validator.h"

enum {
  FAILED_TTL = 300,                   /* seconds until a host that failed is looked up again */
  TLSA_HEAD = 3,                      /* bytes: usage, selector, matching type */
  NAME_SIZE = MTASTS_DOMAIN_MAX + 16, /* with the prefix */
};

#define SECTION_ADDRESS "RFC 7672 2.2.2"
#define SECTION_TLSA    "RFC 7672 2.2.3"
#define PREFIX          "_25._tcp."

struct host {
  struct mtasts_mx_dane *dane;
  struct mtasts_domain name;
  struct mtasts_domain alias; /* the target of its CNAMEs, if all of them are secure; else empty */
  uint16_t preference;
  enum mtasts_dane state;
  enum mtasts_dns_status ipv4; /* of the look-up of its IPv4 addresses */
  struct mtasts_validation *validation;
  char *why;        /* its IPv4 look-up failed; NULL: it did not, or no memory */
  uint64_t started; /* microseconds */
  bool ended;
  char asked[NAME_SIZE];
};

struct mtasts_mx_dane {
  struct mtasts_validator *validator;
  mtasts_mx_dane_fn *done;
  mtasts_trace_fn *trace;
  void *context;
  struct event *wake;
  size_t count;
  size_t looked_at; /* the number of hosts, from the first, that are looked up */
  size_t begun;
  size_t ended;
  uint32_t ttl;
  bool unvalidated;      /* at least one answer was not validated */
  enum mtasts_dane told; /* the state that `detail` explains */
  char detail[MTASTS_DETAIL_MAX + 1];
  unsigned char *packed;
  struct host hosts[];
};

/* the trace */

static void trace(const struct host *host, const char *section, const struct mtasts_strbuf *text) {
  mtasts_trace_step(host->dane->trace, host->dane->context, host->started, section, text);
}

static const char *security_name(enum mtasts_security security) {
  switch (security) {
  case MTASTS_SECURITY_SECURE:
    return "secure";
  case MTASTS_SECURITY_INSECURE:
    return "insecure";
  case MTASTS_SECURITY_BOGUS:
    return "bogus";
  case MTASTS_SECURITY_UNKNOWN:
    break;
  }
  return "not validated";
}

/* "A mx.example.com: secure, 2 records", and the state that follows from it. */
static void trace_answer(const struct host *host, uint16_t type,
                         const struct mtasts_dns_answer *answer, const char *conclusion) {
  const char *section = type == MTASTS_RR_TLSA ? SECTION_TLSA : SECTION_ADDRESS;
  char buffer[MTASTS_TRACE_MAX] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  if (!host->dane->trace)
    return;
  if (answer->outcome == MTASTS_DNS_BOGUS)
    mtasts_strbuf_put(&text, "bogus: ");
  if (answer->outcome == MTASTS_DNS_FAILED || answer->outcome == MTASTS_DNS_BOGUS) {
    mtasts_strbuf_put(&text, answer->detail);
  } else {
    mtasts_strbuf_printf(&text, "%s %s: %s, ", mtasts_rr_type_name(type), host->asked,
                         security_name(answer->security));
    if (answer->outcome == MTASTS_DNS_NXDOMAIN)
      mtasts_strbuf_put(&text, "no such name");
    else if (answer->outcome == MTASTS_DNS_NODATA)
      mtasts_strbuf_put(&text, "no such record");
    else
      mtasts_strbuf_printf(&text, "%zu record%s", answer->message.count,
                           answer->message.count == 1 ? "" : "s");
  }
  mtasts_strbuf_put(&text, conclusion);
  trace(host, section, &text);
}

/* Traces each record, with its fault if it has one. */
static void trace_tlsa(const struct host *host, const struct mtasts_dns_answer *answer) {
  struct mtasts_rr rr;
  if (!host->dane->trace)
    return;
  for (size_t cursor = 0; mtasts_dns_message_next(&answer->message, &cursor, &rr);) {
    const unsigned char *rdata = rr.message + rr.rdata;
    char buffer[MTASTS_TRACE_MAX] = "";
    struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
    mtasts_strbuf_printf(&text, "TLSA %s: ", host->asked);
    if (rr.rdata_size >= TLSA_HEAD)
      mtasts_strbuf_printf(&text, "%u %u %u, %zu bytes, ", rdata[0], rdata[1], rdata[2],
                           rr.rdata_size - TLSA_HEAD);
    mtasts_strbuf_printf(
        &text, "%s",
        mtasts_tlsa_usable(rdata, rr.rdata_size)
            ? "usable"
            : "not usable: SMTP knows usages 2 and 3 and data of the right length");
    trace(host, "RFC 7672 3.1", &text);
  }
}

/* the ends of a host */

/* Of several states, the most severe one is reported. */
static int severity(enum mtasts_dane state) {
  switch (state) {
  case MTASTS_DANE_BOGUS:
    return 3;
  case MTASTS_DANE_ERROR:
    return 2;
  case MTASTS_DANE_LOST:
    return 1;
  case MTASTS_DANE_NONE:
  case MTASTS_DANE_USABLE:
  case MTASTS_DANE_UNUSABLE:
  case MTASTS_DANE_MIXED:
  case MTASTS_DANE_UNKNOWN:
  case MTASTS_DANE_GONE:
    break;
  }
  return 0;
}

static void lower_ttl(struct mtasts_mx_dane *dane, uint32_t ttl) {
  if (ttl < dane->ttl)
    dane->ttl = ttl;
}

static void begin_hosts(struct mtasts_mx_dane *dane);

static void end(struct host *host, enum mtasts_dane state, const char *detail) {
  struct mtasts_mx_dane *dane = host->dane;
  host->state = state;
  host->ended = true;
  if (severity(state) > 0)
    lower_ttl(dane, FAILED_TTL);
  if (severity(state) > severity(dane->told)) {
    dane->told = state;
    snprintf(dane->detail, sizeof dane->detail, "%s", detail);
  }
  dane->ended++;
  begin_hosts(dane);
}

/* asking */

static void ask(struct host *host, const char *prefix, const struct mtasts_domain *name,
                uint16_t type, mtasts_dns_fn *callback) {
  int length = snprintf(host->asked, sizeof host->asked, "%s%s", prefix, name->name);
  host->started = mtasts_clock_us();
  if (length > MTASTS_DOMAIN_MAX)
    /* The name is longer than the DNS allows: no record can exist. */
    end(host, MTASTS_DANE_NONE, "");
  else if (mtasts_validator_ask(host->dane->validator, host->asked, type, callback, host,
                                &host->validation) != MTASTS_OK)
    end(host, MTASTS_DANE_ERROR, "out of memory");
}

/* Records an answer: the query has ended, and its TTL limits that of the result. */
static void note(struct host *host, const struct mtasts_dns_answer *answer) {
  host->validation = NULL;
  if (answer->outcome == MTASTS_DNS_FAILED || answer->outcome == MTASTS_DNS_BOGUS)
    return;
  if (answer->security == MTASTS_SECURITY_UNKNOWN)
    host->dane->unvalidated = true;
  lower_ttl(host->dane, answer->message.ttl);
}

static void take_tlsa(void *context, const struct mtasts_dns_answer *answer);

static void ask_tlsa(struct host *host, const struct mtasts_domain *base) {
  ask(host, PREFIX, base, MTASTS_RR_TLSA, take_tlsa);
}

static bool any_usable(const struct mtasts_dns_message *message) {
  struct mtasts_rr rr;
  for (size_t cursor = 0; mtasts_dns_message_next(message, &cursor, &rr);)
    if (mtasts_tlsa_usable(rr.message + rr.rdata, rr.rdata_size))
      return true;
  return false;
}

/* There are no TLSA records at the alias target. RFC 7672 section 2.2.3: then the original name is
 * asked. */
static void miss_tlsa(struct host *host, const struct mtasts_dns_answer *answer) {
  bool again = host->alias.len > 0;
  trace_answer(host, MTASTS_RR_TLSA, answer,
               again ? ": the name before its CNAMEs is tried" : ": no DANE");
  host->alias.len = 0;
  if (again)
    ask_tlsa(host, &host->name);
  else
    end(host, MTASTS_DANE_NONE, "");
}

static void take_tlsa(void *context, const struct mtasts_dns_answer *answer) {
  struct host *host = context;
  note(host, answer);
  switch (answer->outcome) {
  case MTASTS_DNS_ANSWER:
    /* An insecure answer is as good as a denial: RFC 7672 section 2.2. */
    if (answer->security != MTASTS_SECURITY_SECURE) {
      miss_tlsa(host, answer);
      break;
    }
    trace_answer(host, MTASTS_RR_TLSA, answer, "");
    trace_tlsa(host, answer);
    end(host, any_usable(&answer->message) ? MTASTS_DANE_USABLE : MTASTS_DANE_UNUSABLE, "");
    break;
  case MTASTS_DNS_NODATA:
  case MTASTS_DNS_NXDOMAIN:
    miss_tlsa(host, answer);
    break;
  case MTASTS_DNS_BOGUS:
    trace_answer(host, MTASTS_RR_TLSA, answer, ": not to be used");
    end(host, MTASTS_DANE_BOGUS, answer->detail);
    break;
  case MTASTS_DNS_FAILED:
    /* RFC 7672 section 2.1.3: an attacker who can drop answers must not turn DANE off. */
    trace_answer(host, MTASTS_RR_TLSA, answer, ": not to be used");
    end(host, MTASTS_DANE_ERROR, answer->detail);
    break;
  }
}

/* The host is an alias, and its chain of CNAMEs to its addresses passes an unsigned zone. This is
 * the answer for its own CNAME: is that one secure? */
static void take_cname(void *context, const struct mtasts_dns_answer *answer) {
  struct host *host = context;
  note(host, answer);
  if (answer->outcome == MTASTS_DNS_BOGUS || answer->outcome == MTASTS_DNS_FAILED) {
    trace_answer(host, MTASTS_RR_CNAME, answer, ": not to be used");
    end(host, answer->outcome == MTASTS_DNS_BOGUS ? MTASTS_DANE_BOGUS : MTASTS_DANE_ERROR,
        answer->detail);
  } else if (answer->outcome == MTASTS_DNS_ANSWER && answer->security == MTASTS_SECURITY_SECURE) {
    trace_answer(host, MTASTS_RR_CNAME, answer, ": it may have TLSA records itself");
    ask_tlsa(host, &host->name);
  } else {
    trace_answer(host, MTASTS_RR_CNAME, answer, ": no DANE");
    end(host, MTASTS_DANE_NONE, "");
  }
}

/* The host has addresses of one family. */
static void have_addresses(struct host *host, uint16_t type,
                           const struct mtasts_dns_answer *answer) {
  if (answer->security == MTASTS_SECURITY_SECURE) {
    trace_answer(host, type, answer, "");
    if (mtasts_dns_message_alias(&answer->message, host->name.name, &host->alias) != MTASTS_OK)
      host->alias.len = 0;
    ask_tlsa(host, host->alias.len > 0 ? &host->alias : &host->name);
  } else if (answer->security == MTASTS_SECURITY_INSECURE && answer->message.cnames > 0) {
    trace_answer(host, type, answer, ": is its CNAME secure?");
    ask(host, "", &host->name, MTASTS_RR_CNAME, take_cname);
  } else {
    trace_answer(host, type, answer, ": no DANE");
    end(host, MTASTS_DANE_NONE, "");
  }
}

static void take_aaaa(void *context, const struct mtasts_dns_answer *answer) {
  struct host *host = context;
  note(host, answer);
  if (answer->outcome == MTASTS_DNS_ANSWER) {
    have_addresses(host, MTASTS_RR_AAAA, answer);
    return;
  }
  bool bogus = answer->outcome == MTASTS_DNS_BOGUS || host->ipv4 == MTASTS_DNS_BOGUS;
  bool failed = answer->outcome == MTASTS_DNS_FAILED || host->ipv4 == MTASTS_DNS_FAILED;
  trace_answer(host, MTASTS_RR_AAAA, answer,
               bogus || failed ? ": not to be used" : ": no address, no DANE");
  if (bogus || failed)
    end(host, bogus ? MTASTS_DANE_BOGUS : MTASTS_DANE_LOST, host->why ? host->why : answer->detail);
  else
    end(host, MTASTS_DANE_GONE, "");
}

static void take_a(void *context, const struct mtasts_dns_answer *answer) {
  struct host *host = context;
  note(host, answer);
  host->ipv4 = answer->outcome;
  if (answer->outcome == MTASTS_DNS_ANSWER) {
    have_addresses(host, MTASTS_RR_A, answer);
  } else if (answer->outcome == MTASTS_DNS_NXDOMAIN) {
    trace_answer(host, MTASTS_RR_A, answer, ": no DANE");
    end(host, MTASTS_DANE_GONE, "");
  } else {
    trace_answer(host, MTASTS_RR_A, answer, "");
    if (*answer->detail)
      host->why = strdup(answer->detail);
    ask(host, "", &host->name, MTASTS_RR_AAAA, take_aaaa);
  }
}

/* its life */

/* Begins the look-ups of all hosts in parallel. The callback for the end comes from the loop, since
 * it may free the object, and this function runs inside other steps. */
static void begin_hosts(struct mtasts_mx_dane *dane) {
  while (dane->begun < dane->looked_at) {
    struct host *host = &dane->hosts[dane->begun++];
    ask(host, "", &host->name, MTASTS_RR_A, take_a);
  }
  if (dane->ended == dane->looked_at)
    event_active(dane->wake, EV_TIMEOUT, 0);
}

void mtasts_mx_dane_expire(struct mtasts_mx_dane *dane) {
  dane->begun = dane->looked_at; /* no further host is begun */
  for (size_t i = 0; i < dane->looked_at; i++) {
    struct host *host = &dane->hosts[i];
    char why[MTASTS_DETAIL_MAX + 1];
    if (host->ended)
      continue;
    mtasts_validation_cancel(host->validation);
    host->validation = NULL;
    snprintf(why, sizeof why, "DANE of %s: given up, the look-up took too long", host->name.name);
    end(host, MTASTS_DANE_ERROR, why);
  }
}

static void give_answer(struct mtasts_mx_dane *dane) {
  struct mtasts_mx_host hosts[MTASTS_MX_HOSTS_MAX];
  struct mtasts_dane_answer answer = {.ttl = dane->ttl,
                                      .unvalidated = dane->unvalidated,
                                      .detail = {dane->detail, strlen(dane->detail)}};
  for (size_t i = 0; i < dane->count; i++) {
    const struct host *host = &dane->hosts[i];
    hosts[i] = (struct mtasts_mx_host){.preference = host->preference,
                                       .dane = host->state,
                                       .host = {host->name.name, host->name.len}};
  }
  mtasts_mx_list_pack(hosts, dane->count, dane->packed, &answer.mx);
  dane->done(dane->context, &answer);
}

static void wake(evutil_socket_t socket, short what, void *context) {
  struct mtasts_mx_dane *dane = context;
  (void)socket;
  (void)what;
  if (dane->begun == 0 && dane->count > 0)
    begin_hosts(dane);
  else
    give_answer(dane);
}

enum mtasts_status mtasts_mx_dane_start(const struct mtasts_mx_dane_options *options,
                                        struct mtasts_mx_dane **dane) {
  const struct mtasts_mx_list *hosts = options->hosts;
  size_t max = hosts->count < MTASTS_MX_HOSTS_MAX ? hosts->count : MTASTS_MX_HOSTS_MAX;
  struct mtasts_mx_dane *made = calloc(1, sizeof *made + max * sizeof *made->hosts);
  struct mtasts_mx_host listed;
  if (!made)
    return MTASTS_NO_MEMORY;
  made->validator = options->validator;
  made->done = options->done;
  made->trace = options->trace;
  made->context = options->context;
  made->ttl = UINT32_MAX;
  for (size_t cursor = 0; made->count < max && mtasts_mx_next(hosts, &cursor, &listed);) {
    struct host *host = &made->hosts[made->count++];
    host->dane = made;
    host->preference = listed.preference;
    host->name.len = listed.host.len;
    memcpy(host->name.name, listed.host.data, listed.host.len);
    host->state = MTASTS_DANE_LOST;
  }
  /* RFC 5321 section 5.1 lets a client try only the most preferred hosts. All hosts that a domain
   * can list could need hundreds of queries. */
  made->looked_at = made->count < MTASTS_DANE_HOSTS_MAX ? made->count : MTASTS_DANE_HOSTS_MAX;
  made->packed = malloc(hosts->size + 1);
  made->wake = evtimer_new(options->base, wake, made);
  if (!made->packed || !made->wake) {
    mtasts_mx_dane_free(made);
    return MTASTS_NO_MEMORY;
  }
  event_active(made->wake, EV_TIMEOUT, 0);
  *dane = made;
  return MTASTS_OK;
}

void mtasts_mx_dane_free(struct mtasts_mx_dane *dane) {
  if (!dane)
    return;
  for (size_t i = 0; i < dane->begun; i++) {
    mtasts_validation_cancel(dane->hosts[i].validation);
    free(dane->hosts[i].why);
  }
  if (dane->wake)
    event_free(dane->wake);
  free(dane->packed);
  free(dane);
}
