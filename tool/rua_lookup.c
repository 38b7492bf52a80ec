#include "rua_lookup.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "resolver.h"
#include "strbuf.h"
#include "tlsrpt_record.h"

#define PREFIX "_smtp._tls."

enum {
  SILENT = 16, /* look-ups in a row without a sign of a server, before the DNS counts as away */
};

struct waiter {
  struct waiter *next;
  mtasts_rua_set_fn *done;
  void *context;
};

/* One domain of the run. Begins with the domain: mtasts_domain_compare. */
struct lookup {
  struct mtasts_domain domain;
  struct mtasts_rua_lookups *lookups;
  struct mtasts_dns_query *query; /* NULL: the set is known */
  struct waiter *waiters;
  struct mtasts_rua_set *set;
};

struct mtasts_rua_lookups {
  struct mtasts_resolver *resolver;
  void *tree;                   /* of struct lookup */
  struct mtasts_rua_set failed; /* for want of memory */
  unsigned silent;              /* look-ups since a server last gave a sign */
};

static void set_free(struct mtasts_rua_set *set) {
  for (size_t i = 0; set && i < set->count; i++) {
    free(set->targets[i].uri);
    free(set->targets[i].target);
    free(set->targets[i].host);
  }
  free(set);
}

static void lookup_free(void *node) {
  struct lookup *lookup = node;
  if (lookup->query)
    mtasts_resolver_cancel(lookup->query);
  while (lookup->waiters) {
    struct waiter *next = lookup->waiters->next;
    free(lookup->waiters);
    lookup->waiters = next;
  }
  set_free(lookup->set);
  free(lookup);
}

struct mtasts_rua_lookups *mtasts_rua_lookups_new(struct mtasts_resolver *resolver) {
  struct mtasts_rua_lookups *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  made->resolver = resolver;
  made->failed.state = MTASTS_RUA_SET_UNKNOWN;
  snprintf(made->failed.detail, sizeof made->failed.detail, "out of memory");
  return made;
}

void mtasts_rua_lookups_free(struct mtasts_rua_lookups *lookups) {
  if (!lookups)
    return;
  tdestroy(lookups->tree, lookup_free);
  free(lookups);
}

/* the record */

static bool has_target(const struct mtasts_rua_set *set, const char *target) {
  for (size_t i = 0; i < set->count; i++)
    if (strcmp(set->targets[i].target, target) == 0)
      return true;
  return false;
}

/* Returns false without memory. */
static bool add_target(struct mtasts_rua_set *set, struct mtasts_span uri,
                       const struct mtasts_rua *rua) {
  struct mtasts_rua_target *made = &set->targets[set->count];
  *made = (struct mtasts_rua_target){.kind = rua->kind, .port = rua->port};
  made->uri = strndup(uri.data, uri.len);
  made->target = strdup(rua->target);
  made->host = strdup(rua->domain.name);
  set->count++;
  return made->uri && made->target && made->host;
}

static void say(struct mtasts_rua_set *set, enum mtasts_rua_set_state state, const char *why) {
  set->state = state;
  snprintf(set->detail, sizeof set->detail, "%s", why);
}

/* All usable targets of a valid record: equal ones once, and no more than a report has room for. */
static void read_targets(struct mtasts_rua_set *set, const struct mtasts_tlsrpt_record *record) {
  static struct mtasts_rua rua; /* large, and used by this function alone */
  struct mtasts_tlsrpt_cursor cursor = mtasts_tlsrpt_begin(record);
  struct mtasts_tlsrpt_item item;
  const char *why = "no URI";
  while (mtasts_tlsrpt_next(&cursor, &item) && set->count < MTASTS_REPORT_RUAS_MAX) {
    if (item.kind != MTASTS_TLSRPT_RUA)
      continue;
    mtasts_rua_parse(item.text, &rua);
    if (rua.kind == MTASTS_RUA_UNUSABLE)
      why = rua.why;
    else if (!has_target(set, rua.target) && !add_target(set, item.text, &rua)) {
      say(set, MTASTS_RUA_SET_UNKNOWN, "out of memory");
      return;
    }
  }
  if (set->count > 0)
    set->state = MTASTS_RUA_SET_FOUND;
  else
    say(set, MTASTS_RUA_SET_NONE, why);
}

static void judge(struct mtasts_rua_set *set, const struct mtasts_span *txt, size_t count) {
  struct mtasts_tlsrpt_record record;
  mtasts_tlsrpt_record_parse(txt, count, &record);
  switch (record.state) {
  case MTASTS_TLSRPT_ABSENT:
    say(set, MTASTS_RUA_SET_NONE, "the domain has no TLSRPT record");
    break;
  case MTASTS_TLSRPT_VERSION:
    say(set, MTASTS_RUA_SET_NONE, "no TXT record begins with v=TLSRPTv1 and a semicolon");
    break;
  case MTASTS_TLSRPT_MULTIPLE:
    say(set, MTASTS_RUA_SET_NONE, "several TLSRPT records count as none");
    break;
  case MTASTS_TLSRPT_INVALID:
    say(set, MTASTS_RUA_SET_NONE, record.why);
    break;
  case MTASTS_TLSRPT_VALID:
    read_targets(set, &record);
  }
}

/* Reads an answer with records. */
static void read_answer(struct mtasts_rua_set *set, const struct mtasts_dns_message *message) {
  struct mtasts_rr rr;
  size_t cursor = 0;
  size_t count = 0;
  struct mtasts_span *txt = calloc(message->count + 1, sizeof *txt);
  char *text = malloc(message->size + 1);
  char *at = text;
  while (txt && text && count < message->count && mtasts_dns_message_next(message, &cursor, &rr)) {
    txt[count] = (struct mtasts_span){at, mtasts_rr_txt(&rr, at)};
    at += txt[count++].len;
  }
  if (txt && text)
    judge(set, txt, count);
  else
    say(set, MTASTS_RUA_SET_UNKNOWN, "out of memory");
  free(txt);
  free(text);
}

static void take(void *context, const struct mtasts_dns_answer *answer) {
  struct lookup *lookup = context;
  struct mtasts_rua_set *set = lookup->set;
  lookup->query = NULL;
  bool silent = answer->outcome == MTASTS_DNS_FAILED && answer->local;
  lookup->lookups->silent = silent ? lookup->lookups->silent + 1 : 0;
  switch (answer->outcome) {
  case MTASTS_DNS_ANSWER:
    read_answer(set, &answer->message);
    break;
  case MTASTS_DNS_NODATA:
  case MTASTS_DNS_NXDOMAIN:
    say(set, MTASTS_RUA_SET_NONE, "the domain has no TLSRPT record");
    break;
  case MTASTS_DNS_FAILED:
  case MTASTS_DNS_BOGUS:
    say(set, MTASTS_RUA_SET_UNKNOWN, answer->detail);
  }
  struct waiter *waiters = lookup->waiters;
  lookup->waiters = NULL;
  while (waiters) {
    struct waiter waiter = *waiters;
    free(waiters);
    waiters = waiter.next;
    waiter.done(waiter.context, set);
  }
}

/* asking */

/* Begins the look-up of a domain; the set may be known at once. NULL without memory. */
static struct lookup *begin(struct mtasts_rua_lookups *lookups,
                            const struct mtasts_domain *domain) {
  char name[sizeof PREFIX + sizeof domain->name];
  struct lookup *made = calloc(1, sizeof *made);
  if (made)
    made->set = calloc(1, sizeof *made->set);
  if (!made || !made->set) {
    free(made);
    return NULL;
  }
  made->domain = *domain;
  made->lookups = lookups;
  snprintf(name, sizeof name, PREFIX "%s", domain->name);
  /* If the name is longer than the DNS allows, no record can exist. */
  if (strlen(name) > MTASTS_DOMAIN_MAX)
    say(made->set, MTASTS_RUA_SET_NONE, "the domain's name is too long for a TLSRPT record");
  else if (mtasts_resolver_ask(lookups->resolver, name, MTASTS_RR_TXT, take, made, &made->query) !=
           MTASTS_OK)
    say(made->set, MTASTS_RUA_SET_UNKNOWN, "the DNS cannot be asked");
  if (tsearch(made, &lookups->tree, mtasts_domain_compare))
    return made;
  lookup_free(made);
  return NULL;
}

void mtasts_rua_lookups_ask(struct mtasts_rua_lookups *lookups, const struct mtasts_domain *domain,
                            mtasts_rua_set_fn *done, void *context) {
  void *found = tfind(domain, &lookups->tree, mtasts_domain_compare);
  struct lookup *lookup = found ? *(struct lookup **)found : begin(lookups, domain);
  struct waiter *waiter = lookup && lookup->query ? malloc(sizeof *waiter) : NULL;
  if (waiter) {
    *waiter = (struct waiter){lookup->waiters, done, context};
    lookup->waiters = waiter;
    return;
  }
  done(context, lookup && !lookup->query ? lookup->set : &lookups->failed);
}

bool mtasts_rua_lookups_silent(const struct mtasts_rua_lookups *lookups) {
  return lookups->silent >= SILENT;
}

bool mtasts_rua_set_equal(const struct mtasts_rua_set *a, const struct mtasts_rua_set *b) {
  if (a->count != b->count)
    return false;
  for (size_t i = 0; i < a->count; i++)
    if (!has_target(b, a->targets[i].target))
      return false;
  return true;
}
