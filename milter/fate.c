#include "fate.h"

#include "ascii.h"
#include "mx_mismatch.h"
#include "printable.h"

static void compare_hosts(struct mtasts_fate *fate, const struct mtasts_known *known) {
  const struct mtasts_entry *entry = &known->ruling.entry;
  const struct mtasts_mx_comparison mx = mtasts_policy_against_mx(&known->decision, entry, NULL);
  struct mtasts_mx_host first;
  size_t cursor = 0;
  if (mtasts_mx_next(&entry->mx, &cursor, &first))
    mtasts_printable(first.host, fate->mx, sizeof fate->mx);
  fate->mx_count = mx.hosts;
  fate->mx_listed = mx.matched;
  fate->at_risk = mtasts_mx_mismatch(&known->decision, mx.listed);
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
  compare_hosts(&fate, known);
  fate.certain = known->now < entry->mx_expires &&
                 (ruling->overridden ||
                  (entry->record == MTASTS_RECORD_VALID && entry->error == MTASTS_ERROR_NONE));
  fate.protected =
      (happens == MTASTS_VERDICT_ENFORCE || happens == MTASTS_VERDICT_DANE) && !fate.at_risk;
  return fate;
}
