/*
 * mx_dane.h: what DANE says of the MX hosts of one domain (RFC 7672 section 2.2): for each host its
 * addresses and, if those are secure, its TLSA records. Hosts are looked up in parallel.
 *
 * A host's IPv6 addresses are asked for only if it has no IPv4 ones or their look-up fails: DANE
 * needs one answer that validates, not both. TLSA records are asked for only if the addresses are
 * secure: the name servers of many unsigned zones answer TLSA queries wrongly.
 *
 * Only the MTASTS_DANE_HOSTS_MAX most preferred hosts are looked up. The others must not be used,
 * like LOST ones.
 */
#ifndef MTASTS_MX_DANE_H
#define MTASTS_MX_DANE_H

#include "discover.h"
#include "trace.h"

struct event_base;
struct mtasts_validator;
struct mtasts_mx_dane;

/* Called once, from the loop. What the answer points to is good until the object is freed. */
typedef void mtasts_mx_dane_fn(void *context, const struct mtasts_dane_answer *answer);

struct mtasts_mx_dane_options {
  struct mtasts_validator *validator;
  struct event_base *base;
  const struct mtasts_mx_list *hosts; /* of a secure MX set; copied */
  mtasts_mx_dane_fn *done;
  mtasts_trace_fn *trace; /* NULL: none */
  void *context;          /* of both */
};

/* Starts. MTASTS_NO_MEMORY */
enum mtasts_status mtasts_mx_dane_start(const struct mtasts_mx_dane_options *options,
                                        struct mtasts_mx_dane **dane);

/* Ends it now: hosts whose look-up is not finished have failed, so that they are not used. The
 * callback comes from the loop. Must not be called after the callback. */
void mtasts_mx_dane_expire(struct mtasts_mx_dane *dane);

/* Frees, cancelling what is still in flight. May be called from the callback. */
void mtasts_mx_dane_free(struct mtasts_mx_dane *dane);

#endif
