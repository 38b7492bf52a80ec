/*
 * outcome_datagram.h: reads the datagrams by which MTAs report the outcome of a session:
 * libtlsrpt's JSON, one object a datagram. The bytes may be hostile: reading is bounded, accepts
 * any encoding, and ignores unknown keys.
 */
#ifndef MTASTS_OUTCOME_DATAGRAM_H
#define MTASTS_OUTCOME_DATAGRAM_H

#include "tlsrpt.h"

enum {
  MTASTS_OUTCOME_MAX = 64 << 10, /* bytes of a datagram */
};

struct mtasts_outcome {
  struct mtasts_domain domain;    /* the recipient's */
  enum mtasts_policy_type policy; /* the first policy's type */
  bool failed;                    /* any policy's session failed */
  unsigned result;                /* the first failure's code, 201 to 306; 0: none given */
  char mx[MTASTS_DOMAIN_MAX + 1]; /* the first failure's receiving MX; "" unknown */
};

/* MTASTS_INVALID: not an object of that form. */
enum mtasts_status mtasts_outcome_datagram_read(struct mtasts_span datagram,
                                                struct mtasts_outcome *outcome);

#endif
