/*
 * validator.h: look-ups that are validated by DNSSEC, and whether that works here at all.
 *
 * At first and once an hour the root's DNSKEY is looked up and held against the trust anchor.
 * Where the way to the DNS strips signatures, or the anchor is out of date or missing, nothing
 * can be told from forgery, and everything would be bogus: then answers come from the plain
 * resolver, with security UNKNOWN, or with `require` as BOGUS. A bogus answer is believed only
 * where that check is no older than a minute; else it is made again first, once for all who wait
 * for it, and the question asked anew. Each check reads the anchor again and forgets the keys.
 *
 * A check without an answer is no news of a way on which validation has worked: anybody on it can
 * drop one question. Everything is validated as before then, by the keys that are known, and what
 * is not to be validated is BOGUS or FAILED.
 *
 * Callbacks come from the loop. All in one thread.
 */
#ifndef MTASTS_VALIDATOR_H
#define MTASTS_VALIDATOR_H

#include "resolver.h"

struct mtasts_validator;
struct mtasts_validation;

/* What a check has come to. */
struct mtasts_validator_check {
  bool changed;       /* it is otherwise than before; that it works the first time is none */
  bool silent;        /* it had no answer: validation goes on by what was learnt before */
  const char *why;    /* NULL if validation works; else what is wrong, printable */
  const char *remedy; /* what to do about it */
};

typedef void mtasts_validator_fn(void *context, const struct mtasts_validator_check *check);

struct mtasts_validator_options {
  /* With a trust anchor; all of it is copied. Look-ups get three fifths of its timeout: they stand
   * in a chain (MX, addresses, TLSA), and one that is held up must end before whoever waits gives
   * up, or withholding TLSA records would end DANE. */
  struct mtasts_resolver_options resolver;
  struct mtasts_resolver *plain; /* must outlive the validator */
  bool require;
  bool worked;            /* with another validator before: silence at first is no news either */
  uint32_t recheck_after; /* milliseconds; 0: a minute */
  mtasts_validator_fn *checked; /* may be NULL */
  void *context;
};

/* MTASTS_NO_MEMORY. That the anchor is missing is told by the first check. */
enum mtasts_status mtasts_validator_new(struct event_base *base,
                                        const struct mtasts_validator_options *options,
                                        struct mtasts_validator **validator);

/* Cancels what is in flight without calling back. May be called from a callback. */
void mtasts_validator_free(struct mtasts_validator *validator);

/* As mtasts_resolver_ask. It takes three times as long at most. */
enum mtasts_status mtasts_validator_ask(struct mtasts_validator *validator, const char *name,
                                        uint16_t type, mtasts_dns_fn *callback, void *context,
                                        struct mtasts_validation **validation);
void mtasts_validation_cancel(struct mtasts_validation *validation);

#endif
