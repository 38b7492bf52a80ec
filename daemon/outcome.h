/*
 * outcome.h: reading the datagrams by which MTAs tell how a delivery went: libtlsrpt's JSON, one
 * object a datagram. Hostile bytes: bounded, any encoding, unknown keys
 * ignored.
 */
#ifndef MTASTS_OUTCOME_H
#define MTASTS_OUTCOME_H

#include "mtasts.h"

enum {
  MTASTS_OUTCOME_MAX = 64 << 10, /* bytes of a datagram */
};

enum mtasts_outcome_policy { /* libtlsrpt's numbers */
  MTASTS_OUTCOME_TLSA = 1,
  MTASTS_OUTCOME_STS = 2,
  MTASTS_OUTCOME_NO_POLICY = 9,
};

struct mtasts_outcome {
  struct mtasts_domain domain;       /* the recipient's */
  enum mtasts_outcome_policy policy; /* the first policy's type */
  bool failed;                       /* any policy's session failed */
  unsigned result;                   /* the first failure's code, 201 to 306; 0: none given */
  char mx[MTASTS_DOMAIN_MAX + 1];    /* the first failure's receiving MX; "" unknown */
};

/* MTASTS_INVALID: not an object of that form. */
enum mtasts_status mtasts_outcome_read(struct mtasts_span datagram, struct mtasts_outcome *outcome);

/* RFC 8460's name of a code, as in "starttls-not-supported"; "" where there is none. */
const char *mtasts_outcome_result_name(unsigned result);

#endif
