/*
 * fetch_answer.h: what came of a fetch (fetch.h), as response.h judges it.
 */
#ifndef MTASTS_FETCH_ANSWER_H
#define MTASTS_FETCH_ANSWER_H

#include <netinet/in.h>

#include "mtasts.h"

struct mtasts_fetch_answer {
  enum mtasts_error error;            /* NONE, POLICY_FETCH, WEBPKI_INVALID */
  long status;                        /* of HTTP; 0 where none arrived */
  bool unresolved;                    /* the policy host was not asked: the DNS failed to tell its
                                         addresses (policy_fetch.h) */
  bool local;                         /* it was a fault of this host's, none of the policy host's */
  bool dated;                         /* by this clock its certificate has expired, or is not yet
                                         valid */
  struct in6_addr address;            /* that it came from; unspecified: none, or a proxy */
  struct mtasts_span body;            /* good for the callback */
  char detail[MTASTS_DETAIL_MAX + 1]; /* "HTTP status 404 from mta-sts.example.com" */
};

#endif
