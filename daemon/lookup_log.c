#include "lookup_log.h"

#include <stdio.h>
#include <string.h>

#include "log.h"
#include "rfc3339.h"

/* Values of log lines, ready to be written. */
struct text {
  char detail[4 * MTASTS_DETAIL_MAX + 3];
  char expires[MTASTS_RFC3339_SIZE];
};

static struct text text_of(const struct mtasts_entry *entry) {
  struct text text = {.detail = ""};
  mtasts_log_value(entry->detail, text.detail, sizeof text.detail);
  mtasts_rfc3339_format(entry->expires, text.expires);
  return text;
}

/* An id is letters and digits; a policy that was found without its record has none. */
static const char *id_of(const struct mtasts_entry *entry) {
  return entry->policy_id[0] ? entry->policy_id : "\"\"";
}

/* Was the record looked up, not only the MX hosts? */
static bool looked(const struct mtasts_lookup_log *changed) {
  return changed->discovery->freshness != MTASTS_CACHED;
}

/* Was a fetch tried, and did it fail? */
static bool fetch_failed(const struct mtasts_lookup_log *changed) {
  const struct mtasts_entry *entry = &changed->discovery->entry;
  return entry->failures > 0 && entry->retry_at > 0 && entry->retry_at != changed->before->retry_at;
}

/* Did this look-up fail, rather than wait for the next try? */
static bool failed(const struct mtasts_lookup_log *changed) {
  const struct mtasts_entry *entry = &changed->discovery->entry;
  return looked(changed) && entry->failures > 0 &&
         (entry->failures != changed->before->failures || fetch_failed(changed));
}

static void count(const struct mtasts_lookup_log *changed, struct mtasts_stats *stats) {
  const struct mtasts_entry *entry = &changed->discovery->entry;
  mtasts_count(stats, MTASTS_COUNT_LOOKUPS);
  if (!changed->waited)
    mtasts_count(stats, MTASTS_COUNT_REFRESHES);
  if (looked(changed) && entry->record == MTASTS_RECORD_ERROR)
    mtasts_count(stats, entry->error == MTASTS_ERROR_DNSSEC ? MTASTS_COUNT_DNSSEC_FAILURES
                                                            : MTASTS_COUNT_DNS_FAILURES);
  else if (failed(changed) && entry->error == MTASTS_ERROR_RECORD_INVALID)
    mtasts_count(stats, MTASTS_COUNT_INVALID_RECORDS);
  if (!fetch_failed(changed))
    return;
  if (entry->error == MTASTS_ERROR_POLICY_FETCH)
    mtasts_count(stats, MTASTS_COUNT_FETCH_FAILURES);
  if (entry->error == MTASTS_ERROR_POLICY_INVALID)
    mtasts_count(stats, MTASTS_COUNT_INVALID_POLICIES);
  if (entry->error == MTASTS_ERROR_WEBPKI_INVALID)
    mtasts_count(stats, MTASTS_COUNT_WEBPKI_FAILURES);
}

static void log_policy(const struct mtasts_lookup_log *changed) {
  const struct mtasts_entry *entry = &changed->discovery->entry;
  char was[80] = "";
  if (changed->before->has_policy)
    snprintf(was, sizeof was, " was_mode=%s was_id=%s",
             mtasts_mode_name(changed->before->policy.mode), id_of(changed->before));
  mtasts_log(MTASTS_LOG_INFO, "policy domain=%s mode=%s id=%s max_age=%u mx=%zu%s",
             changed->domain->name, mtasts_mode_name(entry->policy.mode), id_of(entry),
             (unsigned)entry->policy.max_age, entry->policy.mx.count, was);
}

/*
 * A failed fetch and a failing DNS are tried again with back-off, so each failure is logged. A
 * missing record is looked up again at its TTL while the policy is live, so only every doubling of
 * the count is logged.
 */
static bool worth_a_line(const struct mtasts_entry *entry) {
  return entry->error != MTASTS_ERROR_RECORD_INVALID ||
         (entry->failures & (entry->failures - 1)) == 0;
}

static void log_failure(const struct mtasts_lookup_log *changed) {
  const struct mtasts_entry *entry = &changed->discovery->entry;
  const struct text text = text_of(entry);
  if (!mtasts_entry_live(entry, changed->now)) {
    /* Nothing is lost yet, so it is logged once. A dead DNS says nothing about MTA-STS. */
    if (entry->failures == 1 && entry->record != MTASTS_RECORD_ERROR)
      mtasts_log(MTASTS_LOG_INFO, "lookup domain=%s error=%s detail=%s%s", changed->domain->name,
                 mtasts_error_name(entry->error), text.detail,
                 entry->local_fault ? " local=yes" : "");
    return;
  }
  /* RFC 8461 section 3.3: a domain that is leaving MTA-STS (mode none) needs no alert. */
  if (entry->policy.mode != MTASTS_MODE_NONE && worth_a_line(entry))
    mtasts_log(MTASTS_LOG_WARNING, "refresh domain=%s error=%s detail=%s expires=%s failures=%u",
               changed->domain->name, mtasts_error_name(entry->error), text.detail, text.expires,
               (unsigned)entry->failures);
}

static void alert(const struct mtasts_lookup_log *changed, struct mtasts_stats *stats,
                  const char *name, enum mtasts_error error, const char *consequence) {
  const struct text text = text_of(&changed->discovery->entry);
  mtasts_count(stats, MTASTS_COUNT_ALERTS);
  mtasts_log(MTASTS_LOG_WARNING,
             "alert=%s domain=%s expires=%s error=%s detail=%s: its mail %s; check "
             "https://mta-sts.%s/.well-known/mta-sts.txt from this machine",
             name, changed->domain->name, text.expires, mtasts_error_name(error), text.detail,
             consequence, changed->domain->name);
}

static void log_end(const struct mtasts_lookup_log *changed, struct mtasts_stats *stats) {
  const struct mtasts_entry *entry = &changed->discovery->entry;
  const struct mtasts_entry *before = changed->before;
  if (!entry->has_policy || entry->policy.mode != MTASTS_MODE_ENFORCE)
    return;
  if (mtasts_entry_live(entry, changed->now)) {
    if (failed(changed) && mtasts_discover_near_end(entry, changed->now))
      alert(changed, stats, "policy-expiring", entry->error,
            "will be sent without MTA-STS from then on");
    return;
  }
  /* Logged once: at the first look-up after the policy has expired. */
  enum mtasts_error error = entry->failures > 0 ? entry->error : before->error;
  if (looked(changed) && before->checked < entry->expires && error != MTASTS_ERROR_NONE)
    alert(changed, stats, "policy-expired", error, "is sent without MTA-STS now");
}

/* Is mail deferred by RFC 7672? */
static bool dane_fails(const struct mtasts_entry *entry) {
  return entry->dane_expires != 0 &&
         (entry->dane == MTASTS_DANE_BOGUS || entry->dane == MTASTS_DANE_ERROR);
}

/* Logs one line when a DANE failure begins, and one when it ends. */
static void log_dane(const struct mtasts_lookup_log *changed, struct mtasts_stats *stats) {
  const struct mtasts_entry *entry = &changed->discovery->entry;
  bool fails = dane_fails(entry);
  if (fails && entry->dane_expires != changed->before->dane_expires)
    mtasts_count(stats, MTASTS_COUNT_DANE_FAILURES);
  if (fails && !dane_fails(changed->before)) {
    const struct text text = text_of(entry);
    mtasts_log(MTASTS_LOG_WARNING, "dane domain=%s state=%s detail=%s: its mail is deferred",
               changed->domain->name, mtasts_dane_name(entry->dane),
               entry->error == MTASTS_ERROR_DNSSEC ? text.detail : "\"\"");
  } else if (!fails && dane_fails(changed->before)) {
    mtasts_log(MTASTS_LOG_INFO, "dane domain=%s state=%s: its mail is no longer deferred",
               changed->domain->name, mtasts_dane_name(entry->dane));
  }
}

/* What happens to mail until DNSSEC works again. */
static const char *consequence(const struct mtasts_validator_check *check, bool required) {
  if (check->silent)
    return "known DANE stays in force, and answers that do not validate are not believed";
  return required ? "all mail is deferred, as dns.dnssec is require"
                  : "known DANE stays in force for a day; for other domains DANE is unknown, and "
                    "MTA-STS alone decides";
}

void mtasts_lookup_log_dnssec(const struct mtasts_validator_check *check, bool required) {
  char detail[4 * MTASTS_DETAIL_MAX + 3];
  if (!check->why) {
    mtasts_log(MTASTS_LOG_INFO, "dnssec=works: DANE is looked up again");
    return;
  }
  mtasts_log_value((struct mtasts_span){check->why, strlen(check->why)}, detail, sizeof detail);
  mtasts_log(MTASTS_LOG_WARNING, "dnssec=%s detail=%s: %s; until then %s",
             check->silent ? "silent" : "broken", detail, check->remedy,
             consequence(check, required));
}

void mtasts_lookup_log_ad(const struct mtasts_ad_answer *answer,
                          enum mtasts_without_ad without_ad) {
  if (answer->ad == MTASTS_AD_MISSING)
    mtasts_log(
        MTASTS_LOG_WARNING,
        "resolver=%s ad=missing: the resolver of /etc/resolv.conf does not validate, and sets "
        "no AD bit for the signed root, so Postfix and Exim cannot use DANE: %s; run a "
        "validating resolver on this host, such as unbound, and name it there%s",
        answer->server,
        without_ad == MTASTS_WITHOUT_AD_DANE
            ? "mail for domains with TLSA records waits in their queues"
            : "for domains with TLSA records an enforce policy decides, else TLS is demanded "
              "without authentication (dns.without_ad)",
        without_ad == MTASTS_WITHOUT_AD_DANE ? ", or see dns.without_ad in mtasts.conf(5)" : "");
  else if (answer->ad == MTASTS_AD_SET && !answer->trusted)
    mtasts_log(MTASTS_LOG_INFO,
               "resolver=%s ad=set: DANE can be used, but by Exim only with `options trust-ad` in "
               "/etc/resolv.conf",
               answer->server);
  else if (answer->ad == MTASTS_AD_SET)
    mtasts_log(MTASTS_LOG_INFO, "resolver=%s ad=set: DANE can be used", answer->server);
}

void mtasts_lookup_log_tell_clock(int64_t jump, bool in_doubt, int64_t now) {
  char when[MTASTS_RFC3339_SIZE];
  mtasts_rfc3339_format(now, when);
  if (jump == 0)
    mtasts_log(MTASTS_LOG_WARNING,
               "clock=behind now=%s: the clock is earlier than the last write of the cache, or "
               "than the making of this version; is the time right?",
               when);
  else
    mtasts_log(in_doubt ? MTASTS_LOG_WARNING : MTASTS_LOG_INFO, "clock=jumped by=%+llds now=%s: %s",
               (long long)jump, when,
               in_doubt ? "is the time right? Until then expired policies are kept, and no "
                          "certificate counts as out of date"
                        : "expired policies are kept for a week from now on");
}

void mtasts_lookup_log_write(const struct mtasts_lookup_log *changed, struct mtasts_stats *stats) {
  const struct mtasts_discovery *discovery = changed->discovery;
  count(changed, stats);
  if (discovery->freshness == MTASTS_FETCHED && discovery->urgent)
    log_policy(changed);
  if (failed(changed))
    log_failure(changed);
  else
    mtasts_log(MTASTS_LOG_DEBUG, "checked domain=%s record=%s", changed->domain->name,
               mtasts_record_state_name(discovery->entry.record));
  log_dane(changed, stats);
  log_end(changed, stats);
}
