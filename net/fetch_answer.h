/*
 * fetch_answer.h: the result of a fetch (fetch.h), as response.h evaluates it.
 */
#ifndef MTASTS_FETCH_ANSWER_H
#define MTASTS_FETCH_ANSWER_H

#include <netinet/in.h>

#include "mtasts.h"

struct mtasts_fetch_answer {
  enum mtasts_error error; /* NONE, POLICY_FETCH, WEBPKI_INVALID */
  long status;             /* of HTTP; 0 if none arrived */
  bool unresolved;         /* the policy host was not asked: the DNS look-up of its addresses failed
                              (policy_fetch.h) */
  bool local;              /* this host is at fault, not the policy host */
  bool dated;              /* by this clock its certificate has expired, or is not yet
                              valid */
  struct in6_addr address; /* the address that answered; unspecified: none, or a proxy */
  struct mtasts_span body; /* good for the callback */
  char detail[MTASTS_DETAIL_MAX + 1]; /* "HTTP status 404 from mta-sts.example.com" */
};

#endif
