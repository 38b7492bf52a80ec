/*
 * assessment.h: what the policy of one domain means for a message's mail to it. Pure.
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
  bool has_policy; /* a policy governs: mode and id are its own */
  bool monitor;    /* nothing is enforced */
  bool protected;  /* mail goes over authenticated TLS or not at all, and a host can be used */
  bool at_risk;    /* an enforce policy lists no MX of the domain (mx_mismatch.h) */
  bool certain;    /* at_risk rests on a looked-up record and MX list, not out of date, and not kept
                      because the last look-up failed */
  bool wait;       /* neither mtastsd nor the cache answered, and on_unknown says to defer */
  char id[MTASTS_ID_MAX + 1];
  char domain[MTASTS_DOMAIN_MAX + 1]; /* printable ASCII: policy domain, or text that is none */
  char mx[MTASTS_DOMAIN_MAX + 1];     /* the first MX host; "" none known */
  size_t mx_listed, mx_count;         /* MX hosts that the policy lists, of those known */
};

/* decided->domain may be "": there is no policy domain, and `text` is the text that is none. */
struct mtasts_assessment mtasts_assessment_of(const struct mtasts_domain_decision *decided,
                                              struct mtasts_span text);

#endif
