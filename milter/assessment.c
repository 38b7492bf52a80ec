#include "assessment.h"

#include "ascii.h"
#include "mx_mismatch.h"
#include "printable.h"

static void compare_hosts(struct mtasts_assessment *assessment,
                          const struct mtasts_domain_decision *decided) {
  const struct mtasts_entry *entry = &decided->entry_reply.entry;
  const struct mtasts_mx_comparison mx = mtasts_policy_against_mx(&decided->decision, entry, NULL);
  struct mtasts_mx_host first;
  size_t cursor = 0;
  if (mtasts_mx_next(&entry->mx, &cursor, &first))
    mtasts_printable(first.host, assessment->mx, sizeof assessment->mx);
  assessment->mx_count = mx.hosts;
  assessment->mx_listed = mx.matched;
  assessment->at_risk = mtasts_mx_mismatch(&decided->decision, mx.listed);
}

struct mtasts_assessment mtasts_assessment_of(const struct mtasts_domain_decision *decided,
                                              struct mtasts_span text) {
  const struct mtasts_entry_reply *entry_reply = &decided->entry_reply;
  const struct mtasts_entry *entry = &entry_reply->entry;
  enum mtasts_verdict happens = mtasts_domain_decision_verdict(decided);
  struct mtasts_assessment assessment = {
      .verdict = decided->decision.verdict,
      .source = decided->decision.source,
      .has_policy = decided->decision.policy != NULL,
      .monitor = entry_reply->monitor,
      .wait =
          decided->decision.verdict == MTASTS_VERDICT_UNKNOWN && happens == MTASTS_VERDICT_DEFER,
  };
  mtasts_printable(text, assessment.domain, sizeof assessment.domain);
  if (!entry_reply->has_entry)
    return assessment;
  assessment.error = entry->error;
  assessment.dane = entry->dane;
  if (decided->decision.policy) {
    assessment.mode = decided->decision.policy->mode;
    memcpy(assessment.id, entry->policy_id, sizeof assessment.id);
  }
  compare_hosts(&assessment, decided);
  assessment.certain =
      decided->now < entry->mx_expires && !entry->mx_kept && !entry->mx_local_fault &&
      (entry_reply->overridden ||
       (entry->record == MTASTS_RECORD_VALID && entry->error == MTASTS_ERROR_NONE));
  assessment.protected =
      (happens == MTASTS_VERDICT_ENFORCE || happens == MTASTS_VERDICT_DANE) && !assessment.at_risk;
  return assessment;
}
