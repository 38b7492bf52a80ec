/*
 * ad_check.h: does the resolver that this host's MTAs use validate, and set the AD bit?
 *
 * Postfix and Exim do not validate DNSSEC. They believe the AD bit of the resolver in
 * /etc/resolv.conf (RFC 4035 section 3.2.3), and without it a demand for DANE only makes them
 * defer. So this check sends that resolver a plain query, as an MTA would, for a name that is known
 * to be signed: the root's SOA. It asks at once, then once an hour and whenever resolv.conf has
 * changed. It asks the first server, and the next one if the first does not answer.
 *
 * Only the MTAs need this: mtastsd validates by itself and believes no AD bit.
 *
 * Callbacks come from the loop. All in one thread.
 */
#ifndef MTASTS_AD_CHECK_H
#define MTASTS_AD_CHECK_H

#include "mtasts.h"

struct event_base;
struct mtasts_ad_check;

enum mtasts_ad {
  MTASTS_AD_UNKNOWN, /* no server has answered */
  MTASTS_AD_SET,
  MTASTS_AD_MISSING,
};

struct mtasts_ad_answer {
  enum mtasts_ad ad;
  const char *server; /* ADDR@PORT that answered; "" if none did */
  bool trusted;       /* resolv.conf has `options trust-ad`, which glibc 2.31 and later want */
};

typedef void mtasts_ad_fn(void *context, const struct mtasts_ad_answer *answer);

/* path: of resolv.conf; it must outlive the check. MTASTS_NO_MEMORY */
enum mtasts_status mtasts_ad_check_new(struct event_base *base, const char *path,
                                       mtasts_ad_fn *done, void *context,
                                       struct mtasts_ad_check **check);

/* Asks again: resolv.conf has changed. */
void mtasts_ad_check_again(struct mtasts_ad_check *check);

/* NULL is fine. May be called from the callback. */
void mtasts_ad_check_free(struct mtasts_ad_check *check);

#endif
