#include "mx_mismatch.h"

#include "mx_match.h"

bool mtasts_decision_lists(const struct mtasts_decision *decision, struct mtasts_span host) {
  const struct mtasts_policy *policy = decision->policy;
  return !policy || policy->mode == MTASTS_MODE_NONE ||
         mtasts_mx_match(&policy->mx, host).data != NULL;
}

enum mtasts_mx_listed mtasts_mx_listed(size_t hosts, size_t matched) {
  if (hosts == 0)
    return MTASTS_NO_MX;
  if (matched == 0)
    return MTASTS_NO_MX_LISTED;
  return matched < hosts ? MTASTS_SOME_MX_LISTED : MTASTS_ALL_MX_LISTED;
}

struct mtasts_mx_comparison mtasts_policy_against_mx(const struct mtasts_decision *decision,
                                                     const struct mtasts_entry *entry,
                                                     struct mtasts_span *found) {
  const struct mtasts_names no_patterns = {NULL, 0, 0};
  struct mtasts_span unused[MTASTS_MX_HOSTS_MAX];
  /* For a null MX (RFC 7505) or a name that does not exist, the MTA itself informs the sender. */
  bool has_hosts = entry->mx_state == MTASTS_MX_LISTED || entry->mx_state == MTASTS_MX_IMPLICIT;
  size_t hosts = entry->mx.count;
  size_t matched = mtasts_mx_match_all(decision->policy ? &decision->policy->mx : &no_patterns,
                                       &entry->mx, found ? found : unused);
  return (struct mtasts_mx_comparison){
      .listed = mtasts_mx_listed(has_hosts ? hosts : 0, matched),
      .hosts = hosts,
      .matched = matched,
  };
}

/*
 * RFC 8461 section 5: in mode enforce, mail MUST NOT be delivered to an MX host that fails the
 * matching of section 4.1. If no MX of this domain is listed, there is no host to deliver to: the
 * mail waits. If the hosts are not known, mail does not wait: the MTA looks them up itself. DANE,
 * if it governs, authenticates the hosts without the list (section 2).
 */
bool mtasts_mx_mismatch(const struct mtasts_decision *decision, enum mtasts_mx_listed listed) {
  return decision->verdict == MTASTS_VERDICT_ENFORCE && listed == MTASTS_NO_MX_LISTED;
}
