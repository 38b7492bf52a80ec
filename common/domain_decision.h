/*
 * domain_decision.h: an entry reply with the decision that follows from it, at one moment. Pure.
 */
#ifndef MTASTS_DOMAIN_DECISION_H
#define MTASTS_DOMAIN_DECISION_H

#include "entry_reply.h"

struct mtasts_domain_decision {
  struct mtasts_domain domain; /* its name is "" if the MTA named none */
  struct mtasts_entry_reply entry_reply;
  struct mtasts_decision decision; /* points into the reply */
  int64_t now;                     /* seconds since the epoch: when it was decided */
  char why[1024];                  /* why the verdict is unknown or defer; else "" */
};

/* What happens to mail: the verdict after on_unknown and site_mode. Never unknown. */
enum mtasts_verdict mtasts_domain_decision_verdict(const struct mtasts_domain_decision *decided);

/* May mail go to this MX host? */
bool mtasts_domain_decision_allows(const struct mtasts_domain_decision *decided,
                                   struct mtasts_span host);

/* The DANE state of one MX host. NONE if the domain's DANE no longer applies, or if an override
 * turns it off: in both cases the entry still has the hosts' states. USABLE only if DANE governs
 * the domain, so that the MTA checks the host's certificate by it. */
enum mtasts_dane mtasts_domain_decision_dane(const struct mtasts_domain_decision *decided,
                                             struct mtasts_span host);

#endif
