#include "dane.h"
#include "mx_mismatch.h"

bool mtasts_entry_live(const struct mtasts_entry *entry, int64_t now) {
  /* max_age counts from the fetch, RFC 8461 section 3.2. A `fetched` in the future means that
   * the clock was turned back: the policy stays in force. */
  return entry->has_policy && now < entry->expires;
}

static enum mtasts_verdict verdict_of(enum mtasts_mode mode) {
  switch (mode) {
  case MTASTS_MODE_ENFORCE:
    return MTASTS_VERDICT_ENFORCE;
  case MTASTS_MODE_TESTING:
    return MTASTS_VERDICT_TESTING;
  case MTASTS_MODE_NONE:
    break;
  }
  return MTASTS_VERDICT_NONE;
}

static const char *rule_of(enum mtasts_mode mode, enum mtasts_source source) {
  if (source == MTASTS_SOURCE_OVERRIDE)
    return "an override in this site's configuration";
  if (source == MTASTS_SOURCE_STALE)
    return "no live policy can be had: the unexpired cached one governs (RFC 8461 section 3.3)";
  switch (mode) {
  case MTASTS_MODE_ENFORCE:
    return "enforce: only to a listed MX with a valid certificate (RFC 8461 section 5)";
  case MTASTS_MODE_TESTING:
    return "testing: delivered either way, failures are reported (RFC 8461 section 5)";
  case MTASTS_MODE_NONE:
    break;
  }
  return "mode none: as if there were no policy (RFC 8461 section 5)";
}

/* Why nothing governs. All of these deliver as if the domain had no MTA-STS. */
static const char *rule_without(const struct mtasts_entry *entry) {
  switch (entry->record) {
  case MTASTS_RECORD_ABSENT:
    return "no record: the domain has no MTA-STS (RFC 8461 section 3.1)";
  case MTASTS_RECORD_INVALID:
    return "not exactly one valid record: as if there were none (RFC 8461 section 3.1)";
  case MTASTS_RECORD_VALID:
    return "no policy could be fetched and none is cached: delivered without (RFC 8461 section "
           "3.3)";
  case MTASTS_RECORD_ERROR:
  case MTASTS_RECORD_UNKNOWN:
    break;
  }
  return "the record could not be looked up and no policy is cached (RFC 8461 section 3.3)";
}

static struct mtasts_decision by_policy(const struct mtasts_policy *policy,
                                        enum mtasts_source source) {
  return (struct mtasts_decision){
      .verdict = verdict_of(policy->mode),
      .source = source,
      .policy = policy,
      .rule = rule_of(policy->mode, source),
  };
}

/* A fault of this host says nothing of the domain, which may have a policy. So the site decides
 * whether mail waits (ask.on_unknown). RFC 8461 section 3.3 allows delivery. */
static struct mtasts_decision unknown(const char *rule) {
  return (struct mtasts_decision){
      .verdict = MTASTS_VERDICT_UNKNOWN, .source = MTASTS_SOURCE_NONE, .rule = rule};
}

/* RFC 8461 section 3.3: nothing live and nothing cached: deliver as without MTA-STS. */
static struct mtasts_decision without_policy(const struct mtasts_entry *entry,
                                             enum mtasts_freshness freshness) {
  if (entry->local_fault)
    return unknown("a fault of this host: the domain could not be looked up");
  return (struct mtasts_decision){
      .verdict = MTASTS_VERDICT_NONE,
      .source = freshness == MTASTS_CACHED ? MTASTS_SOURCE_CACHE : MTASTS_SOURCE_NETWORK,
      .rule = rule_without(entry),
  };
}

static inline bool in_force(const struct mtasts_override *override, int64_t now) {
  return override && now < override->until;
}

/* Inlined into mtasts_decide, so that the decision is built in registers. */
static inline struct mtasts_decision policy_without_dane(const struct mtasts_entry *entry,
                                                         const struct mtasts_override *override,
                                                         enum mtasts_freshness freshness,
                                                         int64_t now) {
  if (in_force(override, now) && !override->no_policy)
    return by_policy(&override->policy, MTASTS_SOURCE_OVERRIDE);
  if (!entry)
    return unknown("nothing is known of this domain, and no look-up was made");
  if (entry->has_policy && freshness == MTASTS_FETCHED)
    return by_policy(&entry->policy, MTASTS_SOURCE_NETWORK);
  /* RFC 8461 section 3.3: without a live policy, an unexpired cached one MUST be applied. */
  if (mtasts_entry_live(entry, now))
    return by_policy(&entry->policy,
                     entry->error == MTASTS_ERROR_NONE ? MTASTS_SOURCE_CACHE : MTASTS_SOURCE_STALE);
  return without_policy(entry, freshness);
}

struct mtasts_decision mtasts_decide_policy(const struct mtasts_entry *entry,
                                            const struct mtasts_override *override,
                                            enum mtasts_freshness freshness, int64_t now) {
  return policy_without_dane(entry, override, freshness, now);
}

/* RFC 8461 section 2: MTA-STS does not override DANE; and DANE makes nothing weaker than an enforce
 * policy does. Only this function combines the two. released: an override of mode none says that
 * the domain demands nothing, so no failure of its DNSSEC defers mail. */
static void apply_dane(struct mtasts_decision *decision, enum mtasts_dane dane, bool released) {
  bool enforce = decision->verdict == MTASTS_VERDICT_ENFORCE;
  switch (dane) {
  case MTASTS_DANE_USABLE:
    decision->verdict = MTASTS_VERDICT_DANE;
    decision->rule = "DANE: TLSA records authenticate the MX hosts (RFC 8461 section 2, RFC 7672)";
    break;
  case MTASTS_DANE_MIXED:
    /* Without this, mail could go to the other hosts unauthenticated, which the policy forbids. */
    if (!enforce)
      break;
    decision->verdict = MTASTS_VERDICT_DANE;
    decision->rule = "DANE: only to the MX hosts that have TLSA records, as the domain's policy is "
                     "to enforce (RFC 8461 section 2)";
    break;
  case MTASTS_DANE_UNUSABLE:
    if (enforce)
      break;
    decision->verdict = MTASTS_VERDICT_ENCRYPT;
    decision->rule = "TLSA records that cannot be used: TLS without authentication (RFC 7672 "
                     "section 2.2)";
    break;
  case MTASTS_DANE_BOGUS:
    if (released)
      break;
    decision->verdict = MTASTS_VERDICT_DEFER;
    decision->rule = "DNSSEC validation failed: deferred (RFC 7672 section 2.1.3)";
    break;
  case MTASTS_DANE_ERROR:
    if (released)
      break;
    decision->verdict = MTASTS_VERDICT_DEFER;
    decision->rule = "a look-up failed in a signed zone: deferred (RFC 7672 section 2.1.3)";
    break;
  case MTASTS_DANE_NONE:
  case MTASTS_DANE_LOST:
  case MTASTS_DANE_UNKNOWN:
  case MTASTS_DANE_GONE:
    break;
  }
}

struct mtasts_decision mtasts_decide(const struct mtasts_entry *entry,
                                     const struct mtasts_override *override,
                                     enum mtasts_freshness freshness, int64_t now) {
  struct mtasts_decision decision = policy_without_dane(entry, override, freshness, now);
  bool overridden = in_force(override, now);
  if (overridden && override->dane_off) {
    /* RFC 8461 section 2 binds MTA-STS, not the postmaster. */
    if (decision.verdict != MTASTS_VERDICT_UNKNOWN)
      decision.source = MTASTS_SOURCE_OVERRIDE;
    return decision;
  }
  /* The domain may have DANE, which would demand more than this verdict. */
  if (entry && entry->mx_local_fault && !overridden && decision.verdict == MTASTS_VERDICT_NONE &&
      (entry->dane == MTASTS_DANE_UNKNOWN || !mtasts_dane_counts(entry, now)))
    return unknown("a fault of this host: the MX hosts could not be looked up");
  if (entry && mtasts_dane_counts(entry, now))
    apply_dane(&decision, entry->dane,
               overridden && !override->no_policy && override->policy.mode == MTASTS_MODE_NONE);
  return decision;
}

bool mtasts_decision_allows(const struct mtasts_decision *decision, struct mtasts_span host) {
  switch (decision->verdict) {
  case MTASTS_VERDICT_ENFORCE: /* RFC 8461 section 5: MUST NOT deliver to an unlisted MX */
    return mtasts_decision_lists(decision, host);
  case MTASTS_VERDICT_DEFER:
    return false;
  case MTASTS_VERDICT_UNKNOWN:
  case MTASTS_VERDICT_NONE:
  case MTASTS_VERDICT_TESTING:
  case MTASTS_VERDICT_DANE:
  case MTASTS_VERDICT_ENCRYPT:
    break;
  }
  return true;
}
