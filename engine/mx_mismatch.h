/*
 * mx_mismatch.h: which MX hosts of a domain its policy lists; and the rule that mail waits if no MX
 * is listed.
 *
 * RFC 8461 section 4.1: a policy lists an MX host if one of its patterns matches the host's name.
 * Section 5: in mode enforce no mail may go to a host that the policy does not list. So if no MX of
 * the domain is listed, no host is left, and the mail waits in the queue. Section 5.1: before mail
 * fails for good, a sender must look for a new policy.
 *
 * Only mtasts_mx_mismatch implements the rule. These files act on it:
 *
 *   plugin/policy_format.c  Exim: `mx=mismatch` and a reason, and the routers defer
 *   milter/assessment.c     the milter: at_risk, for the setting on_at_risk
 *   tool/answer.c           mtasts query: the table says that mail must wait
 *   daemon/postfix_reply.c  Postfix, Sendmail: they get the patterns and refuse each host
 *
 * Pure; allocates nothing.
 */
#ifndef MTASTS_ENGINE_MX_MISMATCH_H
#define MTASTS_ENGINE_MX_MISMATCH_H

#include "bounds.h"
#include "mtasts.h"

enum mtasts_mx_listed {
  MTASTS_NO_MX, /* no MX host is known, or the domain has none: null MX, no such domain */
  MTASTS_NO_MX_LISTED,
  MTASTS_SOME_MX_LISTED,
  MTASTS_ALL_MX_LISTED,
};

struct mtasts_mx_comparison {
  enum mtasts_mx_listed listed;
  size_t hosts;   /* in the entry's list */
  size_t matched; /* of those, how many match a pattern */
};

/* Does the decision's policy list this MX host? True as well if there is no policy, or one of mode
 * none: then no host has to be listed. */
bool mtasts_decision_lists(const struct mtasts_decision *decision, struct mtasts_span host);

/*
 * Compares the decision's policy, in any mode, with the entry's MX hosts. found: NULL, or space for
 * MTASTS_MX_HOSTS_MAX spans. found[i] becomes the first pattern that matches the list's host number
 * i, or a span whose data is NULL. Without a policy no host is matched.
 */
struct mtasts_mx_comparison mtasts_policy_against_mx(const struct mtasts_decision *decision,
                                                     const struct mtasts_entry *entry,
                                                     struct mtasts_span *found);

/* The same for a caller that has counted its MX hosts and the matched ones among them. */
enum mtasts_mx_listed mtasts_mx_listed(size_t hosts, size_t matched);

/* Must the domain's mail wait because no MX is listed (RFC 8461 section 5)? */
bool mtasts_mx_mismatch(const struct mtasts_decision *decision, enum mtasts_mx_listed listed);

#endif
