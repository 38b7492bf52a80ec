#include "domain_decision.h"

#include "dane.h"
#include "span.h"

enum mtasts_verdict mtasts_domain_decision_verdict(const struct mtasts_domain_decision *decided) {
  enum mtasts_verdict verdict = decided->decision.verdict;
  bool monitor = decided->entry_reply.monitor;
  switch (verdict) {
  case MTASTS_VERDICT_ENFORCE:
    return monitor ? MTASTS_VERDICT_TESTING : verdict;
  case MTASTS_VERDICT_DANE:
  case MTASTS_VERDICT_ENCRYPT:
  case MTASTS_VERDICT_DEFER:
    return monitor ? MTASTS_VERDICT_NONE : verdict;
  case MTASTS_VERDICT_UNKNOWN:
    return decided->entry_reply.defer && !monitor ? MTASTS_VERDICT_DEFER : MTASTS_VERDICT_NONE;
  case MTASTS_VERDICT_NONE:
  case MTASTS_VERDICT_TESTING:
    break;
  }
  return verdict;
}

bool mtasts_domain_decision_allows(const struct mtasts_domain_decision *decided,
                                   struct mtasts_span host) {
  struct mtasts_decision decision = decided->decision;
  decision.verdict = mtasts_domain_decision_verdict(decided);
  return mtasts_decision_allows(&decision, host);
}

/* The state of a host under this decision. RFC 7672 section 2.2: USABLE means that DANE checks the
 * host's certificate, which happens only if DANE governs the domain. Otherwise the policy applies,
 * and the certificate must have the host's name. */
static enum mtasts_dane worth(const struct mtasts_entry *entry, enum mtasts_dane host) {
  bool governs = entry->dane == MTASTS_DANE_USABLE || entry->dane == MTASTS_DANE_MIXED;
  return host == MTASTS_DANE_USABLE && !governs ? MTASTS_DANE_NONE : host;
}

enum mtasts_dane mtasts_domain_decision_dane(const struct mtasts_domain_decision *decided,
                                             struct mtasts_span host) {
  const struct mtasts_entry *entry = &decided->entry_reply.entry;
  const struct mtasts_mx_list *list = &entry->mx;
  struct mtasts_domain name;
  struct mtasts_mx_host mx;
  if (decided->entry_reply.dane_off || !mtasts_dane_counts(entry, decided->now) ||
      mtasts_domain_parse(host, &name) != MTASTS_OK)
    return MTASTS_DANE_NONE;
  for (size_t cursor = 0; mtasts_mx_next(list, &cursor, &mx);)
    if (mtasts_span_equal(mx.host, (struct mtasts_span){name.name, name.len}))
      return worth(entry, mx.dane);
  return MTASTS_DANE_NONE;
}
