#include "fate.h"

#include "ascii.h"
#include "mx_match.h"
#include "printable.h"

static void count_hosts(struct mtasts_fate *fate, const struct mtasts_known *known) {
  const struct mtasts_mx_list *hosts = &known->ruling.entry.mx;
  struct mtasts_span found[MTASTS_MX_HOSTS_MAX];
  struct mtasts_mx_host mx;
  for (size_t cursor = 0; mtasts_mx_next(hosts, &cursor, &mx);)
    if (fate->mx_count++ == 0)
      mtasts_printable(mx.host, fate->mx, sizeof fate->mx);
  if (fate->has_policy)
    fate->mx_listed = mtasts_mx_match_all(&known->decision.policy->mx, hosts, found);
}

/* Are they hosts that mail could go to? A null MX (RFC 7505) and a domain that does not exist are
 * told to the sender without us. */
static bool has_hosts(const struct mtasts_entry *entry) {
  return entry->mx_state == MTASTS_MX_LISTED || entry->mx_state == MTASTS_MX_IMPLICIT;
}

struct mtasts_fate mtasts_fate_of(const struct mtasts_known *known, struct mtasts_span text) {
  const struct mtasts_ruling *ruling = &known->ruling;
  const struct mtasts_entry *entry = &ruling->entry;
  enum mtasts_verdict happens = mtasts_known_verdict(known);
  struct mtasts_fate fate = {
      .verdict = known->decision.verdict,
      .source = known->decision.source,
      .has_policy = known->decision.policy != NULL,
      .monitor = ruling->monitor,
      .wait = known->decision.verdict == MTASTS_VERDICT_UNKNOWN && happens == MTASTS_VERDICT_DEFER,
  };
  mtasts_printable(text, fate.domain, sizeof fate.domain);
  if (!ruling->known)
    return fate;
  fate.error = entry->error;
  fate.dane = entry->dane;
  if (known->decision.policy) {
    fate.mode = known->decision.policy->mode;
    memcpy(fate.id, entry->policy_id, sizeof fate.id);
  }
  count_hosts(&fate, known);
  /* RFC 8461 section 5: no MX host that the policy does not list is delivered to. */
  fate.at_risk = fate.verdict == MTASTS_VERDICT_ENFORCE && has_hosts(entry) && fate.mx_count > 0 &&
                 fate.mx_listed == 0;
  fate.certain = known->now < entry->mx_expires &&
                 (ruling->overridden ||
                  (entry->record == MTASTS_RECORD_VALID && entry->error == MTASTS_ERROR_NONE));
  fate.protected =
      (happens == MTASTS_VERDICT_ENFORCE || happens == MTASTS_VERDICT_DANE) && !fate.at_risk;
  return fate;
}
