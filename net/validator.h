/*
 * validator.h: DNS queries validated by DNSSEC, and a check whether validation works here at all.
 *
 * At the start and once an hour the check looks up the root's DNSKEY and compares it with the trust
 * anchor. If the path to the DNS strips signatures, or the anchor is out of date or missing,
 * nothing can be distinguished from forgery and everything would be bogus. Answers then come from
 * the plain resolver with security UNKNOWN, or with `require` as BOGUS.
 *
 * A bogus answer is believed only if the last check is at most a minute old. Otherwise one more
 * check runs first, for all queries that wait for it, and the query is then repeated. Each check
 * reads the anchor again and forgets the keys.
 *
 * If a check has no answer but validation has worked before, the state stays: an attacker on the
 * path can drop one query. Validation goes on with the known keys, and an answer that cannot be
 * validated is BOGUS or FAILED.
 *
 * Callbacks come from the loop. All in one thread.
 */
#ifndef MTASTS_VALIDATOR_H
#define MTASTS_VALIDATOR_H

#include "resolver.h"

struct mtasts_validator;
struct mtasts_validation;

/* The result of a check. */
struct mtasts_validator_check {
  bool changed;       /* the state differs from before; a first success is no change */
  bool silent;        /* the check had no answer: validation goes on with the known keys */
  const char *why;    /* NULL if validation works; else what is wrong, printable */
  const char *remedy; /* what to do about it */
};

typedef void mtasts_validator_fn(void *context, const struct mtasts_validator_check *check);

struct mtasts_validator_options {
  /* With a trust anchor; all of it is copied. Queries get three fifths of its timeout, since they
   * form a chain (MX, addresses, TLSA). A query that an attacker delays must end before its client
   * gives up; else withholding TLSA records would turn DANE off. */
  struct mtasts_resolver_options resolver;
  struct mtasts_resolver *plain; /* must outlive the validator */
  bool require;
  bool worked; /* validation worked with an earlier validator: a first check without an answer then
                  changes nothing */
  uint32_t recheck_after;       /* milliseconds; 0: a minute */
  mtasts_validator_fn *checked; /* may be NULL */
  void *context;
};

/* MTASTS_NO_MEMORY. If the anchor is missing, the first check reports it. */
enum mtasts_status mtasts_validator_new(struct event_base *base,
                                        const struct mtasts_validator_options *options,
                                        struct mtasts_validator **validator);

/* Cancels all queries without calling back. May be called from a callback. */
void mtasts_validator_free(struct mtasts_validator *validator);

/* As mtasts_resolver_ask. It takes three times as long at most. */
enum mtasts_status mtasts_validator_ask(struct mtasts_validator *validator, const char *name,
                                        uint16_t type, mtasts_dns_fn *callback, void *context,
                                        struct mtasts_validation **validation);
void mtasts_validation_cancel(struct mtasts_validation *validation);

#endif
