/*
 * assessment.h: what awaits a message's mail for one domain, as far as a policy has a say in it.
 * Pure.
 */
#ifndef MTASTS_MILTER_ASSESSMENT_H
#define MTASTS_MILTER_ASSESSMENT_H

#include "domain_decision.h"

struct mtasts_assessment {
  enum mtasts_verdict verdict;
  enum mtasts_source source;
  enum mtasts_error error;
  enum mtasts_mode mode;
  enum mtasts_dane dane;
  bool has_policy; /* that governs: mode and id are its */
  bool monitor;    /* nothing is enforced */
  bool protected;  /* goes over authenticated TLS or not at all, and can go */
  bool at_risk;    /* an enforce policy lists no MX of the domain (mx_mismatch.h) */
  bool certain;    /* of that: record and MX hosts were looked up and are not out of date */
  bool wait;       /* nobody could be asked, and on_unknown says to defer */
  char id[MTASTS_ID_MAX + 1];
  char domain[MTASTS_DOMAIN_MAX + 1]; /* printable ASCII: the policy domain, or what is none */
  char mx[MTASTS_DOMAIN_MAX + 1];     /* the first MX host; "" none known */
  size_t mx_listed, mx_count;         /* MX hosts that the policy lists, of those known */
};

/* known->domain may be "": there is no policy domain, and `text` tells what there is. */
struct mtasts_assessment mtasts_assessment_of(const struct mtasts_domain_decision *decided,
                                              struct mtasts_span text);

#endif
