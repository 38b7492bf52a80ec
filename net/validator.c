#include "validator.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "clock.h"

enum {
  EVERY_MS = 3600 * 1000,
  EVERY_BROKEN_MS = 60 * 1000,
  AGAIN_MS = 5000, /* if the check had no answer */
  RECHECK_MS = 60 * 1000,
  TRIES = 3, /* without an answer, before that is reported */
};

/* A resolver with a reference count: kept while a query of it is pending. */
struct source {
  struct mtasts_resolver *resolver;
  unsigned users;
};

enum health {
  UNCHECKED,
  WORKS,
  BROKEN,
};

struct mtasts_validator {
  struct event_base *base;
  struct mtasts_validator_options options;
  char *servers[MTASTS_RESOLVER_SERVERS]; /* what options.resolver points to */
  char **insecure;
  char *anchor;
  enum health health;
  char why[MTASTS_ERROR_TEXT]; /* why validation is broken */
  const char *remedy;
  bool silent;     /* it works, but the last checks had no answer, and that was reported */
  unsigned failed; /* checks without an answer, in a row */
  int64_t checked; /* milliseconds of the monotonic clock */
  struct event *timer;
  struct source *source;   /* the last one whose check succeeded; NULL: none yet */
  struct source *checking; /* of the check that is running; NULL: none */
  struct mtasts_dns_query *check;
  LIST_HEAD(validation_list, mtasts_validation) validations;
};

struct mtasts_validation {
  LIST_ENTRY(mtasts_validation) link;
  struct mtasts_validator *validator;
  mtasts_dns_fn *callback;
  void *context;
  struct source *source; /* the one that was asked; NULL: the plain resolver, or none */
  struct mtasts_dns_query *query;
  struct event *refusal; /* gives the answer without a query */
  bool parked;           /* waits for a check */
  bool checked;          /* has waited for one */
  uint16_t type;
  char name[];
};

/* sources */

static void release(struct source *source) {
  if (!source || --source->users > 0)
    return;
  mtasts_resolver_free(source->resolver);
  free(source);
}

static struct source *source_new(struct mtasts_validator *validator, char error[MTASTS_ERROR_TEXT],
                                 enum mtasts_status *status) {
  struct source *source = calloc(1, sizeof *source);
  *status = MTASTS_NO_MEMORY;
  snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
  if (!source)
    return NULL;
  source->users = 1;
  *status =
      mtasts_resolver_new(validator->base, &validator->options.resolver, error, &source->resolver);
  if (*status == MTASTS_OK)
    return source;
  release(source);
  return NULL;
}

/* validations */

static void validation_free(struct mtasts_validation *validation) {
  mtasts_resolver_cancel(validation->query);
  release(validation->source);
  if (validation->refusal)
    event_free(validation->refusal);
  LIST_REMOVE(validation, link);
  free(validation);
}

void mtasts_validation_cancel(struct mtasts_validation *validation) {
  if (validation)
    validation_free(validation);
}

static void deliver(struct mtasts_validation *validation, const struct mtasts_dns_answer *answer) {
  mtasts_dns_fn *callback = validation->callback;
  void *context = validation->context;
  /* The resolver owns the answer, so it must live until the callback returns. */
  struct source *source = validation->source;
  validation->source = NULL;
  validation_free(validation);
  callback(context, answer);
  release(source);
}

static void refuse(evutil_socket_t socket, short what, void *context) {
  struct mtasts_validation *validation = context;
  struct mtasts_dns_answer answer = {.outcome = MTASTS_DNS_BOGUS,
                                     .security = MTASTS_SECURITY_BOGUS};
  (void)socket;
  (void)what;
  snprintf(answer.detail, sizeof answer.detail, "DNSSEC does not work here: %.200s",
           validation->validator->why);
  deliver(validation, &answer);
}

/* A bogus answer without any signature may come from a private zone of this site that its signed
 * parent does not delegate. Appends what to do then, and cuts the end of libunbound's text for it.
 */
static void hint_insecure(struct mtasts_dns_answer *answer) {
  static const char hint[] = "; if this is an unsigned zone of this site, name it in dns.insecure";
  enum {
    ROOM = MTASTS_DETAIL_MAX - (sizeof hint - 1)
  };
  size_t length = strlen(answer->detail);
  if (length > ROOM)
    length = ROOM;
  memcpy(answer->detail + length, hint, sizeof hint);
}

static void start_check(struct mtasts_validator *validator);

static void take_plain(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_validation *validation = context;
  validation->query = NULL;
  deliver(validation, answer);
}

static void take_validated(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_validation *validation = context;
  struct mtasts_validator *validator = validation->validator;
  validation->query = NULL;
  if (answer->outcome != MTASTS_DNS_BOGUS || validation->checked ||
      (!validator->checking &&
       mtasts_clock_ms() - validator->checked < validator->options.recheck_after)) {
    struct mtasts_dns_answer hinted = *answer;
    if (answer->outcome == MTASTS_DNS_BOGUS && answer->message.rrsigs == 0)
      hint_insecure(&hinted);
    deliver(validation, &hinted);
    return;
  }
  release(validation->source);
  validation->source = NULL;
  validation->parked = true;
  start_check(validator);
}

/* Asks the resolver that the state of validation calls for. */
static enum mtasts_status begin(struct mtasts_validation *validation) {
  struct mtasts_validator *validator = validation->validator;
  const struct timeval now = {0};
  switch (validator->health) {
  case UNCHECKED:
    validation->parked = true;
    return MTASTS_OK;
  case WORKS:
    validation->source = validator->source;
    validation->source->users++;
    return mtasts_resolver_ask(validation->source->resolver, validation->name, validation->type,
                               take_validated, validation, &validation->query);
  case BROKEN:
    break;
  }
  if (!validator->options.require)
    return mtasts_resolver_ask(validator->options.plain, validation->name, validation->type,
                               take_plain, validation, &validation->query);
  validation->refusal = evtimer_new(validator->base, refuse, validation);
  return validation->refusal && evtimer_add(validation->refusal, &now) == 0 ? MTASTS_OK
                                                                            : MTASTS_NO_MEMORY;
}

enum mtasts_status mtasts_validator_ask(struct mtasts_validator *validator, const char *name,
                                        uint16_t type, mtasts_dns_fn *callback, void *context,
                                        struct mtasts_validation **validation) {
  size_t length = strlen(name);
  if (length > MTASTS_DOMAIN_MAX)
    return MTASTS_INVALID;
  struct mtasts_validation *made = calloc(1, sizeof *made + length + 1);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->validator = validator;
  made->callback = callback;
  made->context = context;
  made->type = type;
  memcpy(made->name, name, length + 1);
  LIST_INSERT_HEAD(&validator->validations, made, link);
  enum mtasts_status status = begin(made);
  if (status == MTASTS_OK)
    *validation = made;
  else
    validation_free(made);
  return status;
}

/* the check */

static void set_timer(struct mtasts_validator *validator, int64_t wait) {
  const struct timeval time = {wait / 1000, wait % 1000 * 1000};
  evtimer_add(validator->timer, &time);
}

static bool any_parked(const struct mtasts_validator *validator) {
  for (const struct mtasts_validation *validation = LIST_FIRST(&validator->validations); validation;
       validation = LIST_NEXT(validation, link))
    if (validation->parked)
      return true;
  return false;
}

/* Starts the queries that waited for the check. Does not call back. */
static void resume(struct mtasts_validator *validator) {
  for (struct mtasts_validation *validation = LIST_FIRST(&validator->validations); validation;
       validation = LIST_NEXT(validation, link)) {
    if (!validation->parked)
      continue;
    validation->parked = false;
    validation->checked = true;
    if (begin(validation) != MTASTS_OK)
      validation->parked = true; /* no memory: at the next check, perhaps */
  }
}

/* Takes the result of the check. */
static void conclude(struct mtasts_validator *validator, enum health health, bool changed,
                     int64_t wait) {
  bool silent = health == WORKS && validator->silent;
  struct mtasts_validator_check check = {.changed = changed, .silent = silent};
  mtasts_validator_fn *checked = validator->options.checked;
  if (silent || health != WORKS) {
    check.why = validator->why;
    check.remedy = validator->remedy;
  }
  validator->health = health;
  validator->checked = mtasts_clock_ms();
  release(validator->checking);
  validator->checking = NULL;
  resume(validator);
  set_timer(validator, any_parked(validator) ? AGAIN_MS : wait);
  if (checked)
    checked(validator->options.context, &check);
}

static void succeed(struct mtasts_validator *validator) {
  release(validator->source);
  validator->source = validator->checking;
  validator->checking = NULL;
  validator->failed = 0;
  bool changed = validator->silent || validator->health == BROKEN;
  validator->silent = false;
  conclude(validator, WORKS, changed, EVERY_MS);
}

static void set_trouble(struct mtasts_validator *validator, const char *why, const char *remedy) {
  snprintf(validator->why, sizeof validator->why, "%s", why);
  validator->remedy = remedy;
}

static void fail(struct mtasts_validator *validator, const char *why, const char *remedy,
                 int64_t wait) {
  bool changed = validator->health != BROKEN || strcmp(validator->why, why) != 0;
  set_trouble(validator, why, remedy);
  validator->silent = false;
  conclude(validator, BROKEN, changed, wait);
}

/* The check had no answer. If validation has worked before, answers that cannot be validated are
 * still not believed: else an attacker would only have to drop this one query (RFC 7672 section
 * 2.1.3). */
static void take_silence(struct mtasts_validator *validator, const char *why) {
  if (validator->health == UNCHECKED && validator->options.worked && validator->checking) {
    validator->health = WORKS;
    validator->source = validator->checking;
    validator->checking = NULL;
  }
  if (validator->health != WORKS) {
    fail(validator, why, "is the DNS server reachable, and does it support DNSSEC?", AGAIN_MS);
    return;
  }
  bool changed = ++validator->failed == TRIES;
  if (changed)
    set_trouble(validator, why,
                "is the DNS server reachable? If it no longer supports DNSSEC, name another one in "
                "dns.servers, or restart");
  validator->silent = validator->failed >= TRIES;
  conclude(validator, WORKS, changed, validator->silent ? EVERY_BROKEN_MS : AGAIN_MS);
}

static void take_root(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_validator *validator = context;
  char why[2 * MTASTS_ERROR_TEXT];
  validator->check = NULL;
  if (answer->outcome == MTASTS_DNS_FAILED) {
    take_silence(validator, answer->detail);
    return;
  }
  if (answer->outcome == MTASTS_DNS_ANSWER && answer->security == MTASTS_SECURITY_SECURE) {
    succeed(validator);
    return;
  }
  if (answer->message.count == 0 || answer->message.rrsigs == 0) {
    fail(validator, "the root's DNSKEY comes without signatures",
         "the DNS server, or something on the path to it, strips DNSSEC: name another one in "
         "dns.servers, or run one on this machine",
         EVERY_BROKEN_MS);
    return;
  }
  snprintf(why, sizeof why, "the root's DNSKEY does not match %.100s (%.100s)", validator->anchor,
           answer->detail);
  fail(validator, why,
       "the trust anchor is out of date, or the clock is wrong: update the package dns-root-data, "
       "or name in dns.trust_anchor the file that unbound keeps up to date",
       EVERY_BROKEN_MS);
}

static void start_check(struct mtasts_validator *validator) {
  char error[MTASTS_ERROR_TEXT];
  enum mtasts_status status;
  if (validator->checking)
    return;
  evtimer_del(validator->timer);
  validator->checking = source_new(validator, error, &status);
  if (validator->checking)
    status = mtasts_resolver_ask(validator->checking->resolver, "", MTASTS_RR_DNSKEY, take_root,
                                 validator, &validator->check);
  if (status == MTASTS_OK)
    return;
  if (validator->checking)
    snprintf(error, sizeof error, "%s", mtasts_status_name(status));
  /* Without memory or descriptors no server was asked, so this says nothing about the path to the
   * DNS. */
  if (validator->health == WORKS && (status == MTASTS_NO_MEMORY || status == MTASTS_IO)) {
    take_silence(validator, error);
    return;
  }
  fail(validator, error,
       "apt install dns-root-data, or name in dns.trust_anchor a file with the root's keys",
       EVERY_BROKEN_MS);
}

static void on_timer(evutil_socket_t socket, short what, void *context) {
  (void)socket;
  (void)what;
  start_check(context);
}

/* its life */

static bool copy_options(struct mtasts_validator *validator) {
  struct mtasts_resolver_options *resolver = &validator->options.resolver;
  if (resolver->server_count > MTASTS_RESOLVER_SERVERS)
    resolver->server_count = MTASTS_RESOLVER_SERVERS;
  /* Rounded up. */
  resolver->timeout = (resolver->timeout * 3 + 4) / 5;
  for (size_t i = 0; i < resolver->server_count; i++)
    if (!(validator->servers[i] = strdup(resolver->servers[i])))
      return false;
  resolver->servers = (const char *const *)validator->servers;
  validator->insecure = calloc(resolver->insecure_count + 1, sizeof *validator->insecure);
  if (!validator->insecure)
    return false;
  for (size_t i = 0; i < resolver->insecure_count; i++)
    if (!(validator->insecure[i] = strdup(resolver->insecure[i])))
      return false;
  resolver->insecure = (const char *const *)validator->insecure;
  resolver->trust_anchor = validator->anchor = strdup(resolver->trust_anchor);
  if (validator->options.recheck_after == 0)
    validator->options.recheck_after = RECHECK_MS;
  return validator->anchor != NULL;
}

enum mtasts_status mtasts_validator_new(struct event_base *base,
                                        const struct mtasts_validator_options *options,
                                        struct mtasts_validator **validator) {
  struct mtasts_validator *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->base = base;
  made->options = *options;
  LIST_INIT(&made->validations);
  made->timer = evtimer_new(base, on_timer, made);
  if (!copy_options(made) || !made->timer) {
    mtasts_validator_free(made);
    return MTASTS_NO_MEMORY;
  }
  set_timer(made, 0);
  *validator = made;
  return MTASTS_OK;
}

void mtasts_validator_free(struct mtasts_validator *validator) {
  if (!validator)
    return;
  struct mtasts_validation *next;
  for (struct mtasts_validation *validation = LIST_FIRST(&validator->validations); validation;
       validation = next) {
    next = LIST_NEXT(validation, link);
    validation_free(validation);
  }
  mtasts_resolver_cancel(validator->check);
  release(validator->checking);
  release(validator->source);
  if (validator->timer)
    event_free(validator->timer);
  for (size_t i = 0; i < MTASTS_RESOLVER_SERVERS; i++)
    free(validator->servers[i]);
  for (size_t i = 0; validator->insecure && validator->insecure[i]; i++)
    free(validator->insecure[i]);
  free(validator->insecure);
  free(validator->anchor);
  free(validator);
}
