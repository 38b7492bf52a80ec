#include "discover.h"

#include <stdio.h>
#include <string.h>

#include "ascii.h"
#include "bounds.h"
#include "dane.h"

/* The seconds for which a DNS answer is used: its TTL within our bounds. */
static int64_t believed(uint32_t ttl) {
  if (ttl < MTASTS_CHECK_MIN)
    return MTASTS_CHECK_MIN;
  return ttl < MTASTS_CHECK_MAX ? ttl : MTASTS_CHECK_MAX;
}

/* The wait after so many failures in a row: doubles from `first` up to retry_max. */
static int64_t back_off(const struct mtasts_discover_settings *settings, int64_t first,
                        uint32_t failures) {
  int64_t wait = first;
  for (uint32_t i = 1; i < failures && wait < settings->retry_max; i++)
    wait *= 2;
  return wait < settings->retry_max ? wait : settings->retry_max;
}

/* RFC 8461 section 3.3: a policy SHOULD be fetched again before it expires, about daily. */
static int64_t refresh_after(const struct mtasts_discover_settings *settings,
                             const struct mtasts_entry *entry) {
  int64_t half = entry->policy.max_age / 2;
  return half < settings->refresh_interval ? half : settings->refresh_interval;
}

/* If `fetched` is in the future, the clock was turned back since. */
static bool refresh_due(const struct mtasts_discover_settings *settings,
                        const struct mtasts_entry *entry, int64_t now) {
  return now < entry->fetched || now >= entry->fetched + refresh_after(settings, entry);
}

/* The wait after so many failures of the DNS in a row. The resolver causes them more often than the
 * domain does. So no failure is remembered for longer than MTASTS_DNS_RETRY_MAX (RFC 2308 section
 * 7, RFC 9520 section 3.2). */
static int64_t dns_back_off(const struct mtasts_discover_settings *settings, int64_t first,
                            uint32_t failures) {
  int64_t wait = back_off(settings, first, failures);
  return wait < MTASTS_DNS_RETRY_MAX ? wait : MTASTS_DNS_RETRY_MAX;
}

/* Has the resolver come back since the last look-up? */
static bool forgiven(const struct mtasts_discover_settings *settings,
                     const struct mtasts_entry *entry) {
  return entry->checked <= settings->resolver_back;
}

/* Did the DNS prevent the last fetch, and has the resolver come back since? */
static bool fetch_forgiven(const struct mtasts_discover_settings *settings,
                           const struct mtasts_entry *entry) {
  return entry->unresolved && forgiven(settings, entry);
}

static bool fetch_waits(const struct mtasts_discover_settings *settings,
                        const struct mtasts_entry *entry, int64_t now) {
  return now < entry->retry_at && !fetch_forgiven(settings, entry);
}

/* Is there a policy to be fetched, whatever the record says next? */
static bool fetch_due(const struct mtasts_discover_settings *settings,
                      const struct mtasts_entry *entry, int64_t now) {
  if (fetch_waits(settings, entry, now))
    return false;
  /* RFC 8461 section 3.1: another id means another policy; ids have no order. */
  if (entry->record == MTASTS_RECORD_VALID &&
      (!mtasts_entry_live(entry, now) || strcmp(entry->policy_id, entry->record_id) != 0))
    return true;
  return mtasts_entry_live(entry, now) && refresh_due(settings, entry, now);
}

static bool txt_due(const struct mtasts_discover_settings *settings,
                    const struct mtasts_entry *entry, int64_t now) {
  return entry->record == MTASTS_RECORD_UNKNOWN || now < entry->checked ||
         now >= entry->next_check || fetch_due(settings, entry, now) ||
         (entry->record == MTASTS_RECORD_ERROR && forgiven(settings, entry));
}

/* A time too far in the future was set while the clock was ahead. */
static bool lapsed(int64_t expires, int64_t now) {
  return now >= expires || now < expires - MTASTS_CHECK_MAX;
}

/* DANE that could not be validated again is looked up together with its MX hosts, however long ago
 * it has lapsed. */
static bool dane_due(const struct mtasts_entry *entry, int64_t now) {
  int64_t wait = entry->mx_expires - now;
  return lapsed(entry->dane_expires, now) &&
         (entry->dane_expires == 0 || wait <= 0 || wait > MTASTS_UNVALIDATED_KEEP ||
          !mtasts_dane_binds(entry, now));
}

static bool mx_due(const struct mtasts_discover_settings *settings,
                   const struct mtasts_entry *entry, int64_t now) {
  return entry->mx_state == MTASTS_MX_UNKNOWN || lapsed(entry->mx_expires, now) ||
         (settings->dane && dane_due(entry, now));
}

unsigned mtasts_discover_due(const struct mtasts_discover_settings *settings,
                             const struct mtasts_entry *entry, int64_t now) {
  unsigned needs = txt_due(settings, entry, now) ? MTASTS_NEED_TXT : 0;
  /* A look-up of MX hosts alone is useful only if a policy or DANE restricts them. */
  if ((needs || settings->dane || mtasts_entry_live(entry, now)) && mx_due(settings, entry, now))
    needs |= MTASTS_NEED_MX;
  return needs;
}

bool mtasts_discover_answers(const struct mtasts_discover_settings *settings,
                             const struct mtasts_entry *entry, int64_t now) {
  return mtasts_entry_live(entry, now) && (!settings->dane || mtasts_dane_counts(entry, now));
}

bool mtasts_discover_refresh_due(const struct mtasts_discover_settings *settings,
                                 const struct mtasts_entry *entry, int64_t now) {
  if (!mtasts_entry_live(entry, now))
    return false;
  if (now < entry->checked)
    return true; /* retry_at was set while the clock was ahead, too */
  return !fetch_waits(settings, entry, now) &&
         (now < entry->fetched || now >= entry->fetched + refresh_after(settings, entry) / 2);
}

bool mtasts_discover_short_lived(const struct mtasts_discover_settings *settings,
                                 const struct mtasts_entry *entry) {
  return refresh_after(settings, entry) < settings->refresh_interval;
}

int64_t mtasts_discover_look_again_at(const struct mtasts_discover_settings *settings,
                                      const struct mtasts_entry *entry, int64_t now) {
  if (!mtasts_entry_live(entry, now))
    return INT64_MAX;
  if (now < entry->checked || now < entry->fetched)
    return now; /* the clock was ahead: what is due is unknown */
  int64_t after = refresh_after(settings, entry);
  int64_t refresh = INT64_MAX;
  if (after < settings->refresh_interval / 2) {
    /* Not more often than a failing fetch is retried (RFC 8461 section 3.3). */
    refresh = entry->fetched + (after > settings->retry_min ? after : settings->retry_min);
    if (refresh < entry->retry_at)
      refresh = entry->retry_at;
  }
  if (entry->failures == 0)
    return refresh;
  int64_t retry = entry->retry_at;
  if (entry->record != MTASTS_RECORD_VALID) {
    retry = entry->checked + (entry->record == MTASTS_RECORD_ERROR
                                  ? dns_back_off(settings, settings->retry_min, entry->failures)
                                  : back_off(settings, settings->retry_min, entry->failures));
    if (retry < entry->next_check)
      retry = entry->next_check; /* no look-up before that */
    if (entry->retry_at > entry->checked && entry->retry_at < retry)
      retry = entry->retry_at; /* unless a fetch is due */
  }
  return retry < refresh ? retry : refresh;
}

bool mtasts_discover_near_end(const struct mtasts_entry *entry, int64_t now) {
  int64_t notice = entry->policy.max_age / 2;
  if (notice > MTASTS_NEAR_END)
    notice = MTASTS_NEAR_END;
  return mtasts_entry_live(entry, now) && entry->policy.mode == MTASTS_MODE_ENFORCE &&
         now >= entry->expires - notice;
}

bool mtasts_discover_failing(const struct mtasts_entry *entry, int64_t now) {
  return entry->failures > 0 &&
         !(mtasts_entry_live(entry, now) && entry->policy.mode == MTASTS_MODE_NONE);
}

/* Does mail wait because of DANE? */
static bool dane_fails(const struct mtasts_entry *entry) {
  return entry->dane == MTASTS_DANE_BOGUS || entry->dane == MTASTS_DANE_ERROR;
}

/* Sets the entry's error to a failure of DANE, or clears it when DANE works again. An error of the
 * policy has precedence. */
static void note_dane(struct mtasts_entry *entry, struct mtasts_span detail) {
  bool failing = dane_fails(entry);
  bool reported = entry->error == MTASTS_ERROR_DNSSEC && entry->record != MTASTS_RECORD_ERROR;
  /* For a bogus domain a validating resolver fails on the record, too: DNSSEC is the cause. */
  if (failing &&
      (reported || entry->error == MTASTS_ERROR_NONE || entry->error == MTASTS_ERROR_DNS)) {
    entry->error = MTASTS_ERROR_DNSSEC;
    entry->detail = detail;
  } else if (!failing && reported) {
    entry->error = MTASTS_ERROR_NONE;
    entry->detail = (struct mtasts_span){NULL, 0};
  }
}

static void set_dane(struct mtasts_entry *entry, enum mtasts_dane dane, int64_t expires,
                     struct mtasts_span detail) {
  entry->dane = dane;
  entry->dane_expires = expires;
  note_dane(entry, detail);
}

void mtasts_discover_apply_settings(const struct mtasts_discover_settings *settings,
                                    struct mtasts_entry *entry) {
  if (settings->dane || entry->dane_expires == 0)
    return;
  set_dane(entry, MTASTS_DANE_NONE, 0, (struct mtasts_span){NULL, 0});
  entry->mx_local_fault = false;
  entry->mx_kept = false;
  /* Each MX host has a DANE state as well. */
  entry->mx_state = MTASTS_MX_UNKNOWN;
  entry->mx = (struct mtasts_mx_list){NULL, 0, 0};
  entry->mx_expires = 0;
}

unsigned mtasts_discover_begin(struct mtasts_discovery *d,
                               const struct mtasts_discover_settings *settings,
                               const struct mtasts_entry *cached, bool forced, int64_t now) {
  *d = (struct mtasts_discovery){.settings = settings, .forced = forced};
  if (cached)
    d->entry = *cached;
  mtasts_discover_apply_settings(settings, &d->entry);
  d->needs =
      forced ? MTASTS_NEED_TXT | MTASTS_NEED_MX : mtasts_discover_due(settings, &d->entry, now);
  return d->needs;
}

static void fail(struct mtasts_entry *entry, enum mtasts_error error, struct mtasts_span detail) {
  bool kept = error == MTASTS_ERROR_DNS && entry->error == MTASTS_ERROR_DNSSEC && dane_fails(entry);
  if (!kept) {
    entry->error = error;
    entry->detail = detail;
  }
  if (entry->failures < UINT32_MAX)
    entry->failures++;
}

/* The policy works, so its error ends. An error of DANE ends only with the answers on MX hosts and
 * DANE. */
static void succeed(struct mtasts_entry *entry) {
  if (entry->error != MTASTS_ERROR_DNSSEC || !dane_fails(entry)) {
    entry->error = MTASTS_ERROR_NONE;
    entry->detail = (struct mtasts_span){NULL, 0};
  }
  entry->failures = 0;
  entry->retry_at = 0;
  entry->local_fault = false;
}

/* A valid record: is there anything to fetch? */
static void take_record(struct mtasts_discovery *d, const struct mtasts_record *record,
                        int64_t now) {
  struct mtasts_entry *entry = &d->entry;
  if (strcmp(entry->record_id, record->id) != 0) {
    /* RFC 8461 section 3.3 limits fetches for each id: a new id may be fetched at once. */
    memcpy(entry->record_id, record->id, sizeof entry->record_id);
    entry->failures = 0;
    entry->retry_at = 0;
  }
  if (entry->record != MTASTS_RECORD_VALID && entry->retry_at == 0)
    entry->failures = 0; /* all of them were failures of the record */
  entry->record = MTASTS_RECORD_VALID;
  /* If a fetch still waits after such a fault, nothing is known yet. */
  entry->local_fault = entry->local_fault && entry->unresolved && now < entry->retry_at;
  if (d->forced || fetch_due(d->settings, entry, now))
    d->needs |= MTASTS_NEED_POLICY;
  else if (now >= entry->retry_at)
    succeed(entry);
  else if (entry->error == MTASTS_ERROR_DNS || entry->error == MTASTS_ERROR_DNSSEC) {
    entry->error = MTASTS_ERROR_POLICY_FETCH;
    entry->detail = MTASTS_SPAN("the last fetch under this id failed; it waits for the next try");
  }
}

static void take_no_record(struct mtasts_entry *entry, int64_t now) {
  entry->local_fault = false;
  if (!mtasts_entry_live(entry, now)) {
    succeed(entry);
    return;
  }
  /* RFC 8461 section 3.3: if no live policy can be discovered, the cached one MUST be applied. */
  fail(entry, MTASTS_ERROR_RECORD_INVALID,
       MTASTS_SPAN("the TXT record is gone; the cached policy governs until it expires"));
}

/* Repeated faults of this host count as one failure: they say nothing of the domain. */
static void fail_once(struct mtasts_entry *entry, enum mtasts_error error,
                      struct mtasts_span detail) {
  uint32_t failures = entry->failures;
  fail(entry, error, detail);
  if (failures > 0)
    entry->failures = failures;
}

/* The record could not be looked up. */
static void fail_record(struct mtasts_discovery *d, const struct mtasts_txt_answer *answer,
                        int64_t now) {
  struct mtasts_entry *entry = &d->entry;
  entry->record = MTASTS_RECORD_ERROR;
  entry->local_fault =
      answer->outcome == MTASTS_DNS_FAILED && (answer->local || d->settings->resolver_out);
  if (entry->local_fault)
    fail_once(entry, MTASTS_ERROR_DNS, answer->detail);
  else
    fail(entry, answer->outcome == MTASTS_DNS_BOGUS ? MTASTS_ERROR_DNSSEC : MTASTS_ERROR_DNS,
         answer->detail);
  entry->next_check = now + dns_back_off(d->settings, MTASTS_CHECK_MIN, entry->failures);
}

unsigned mtasts_discover_txt(struct mtasts_discovery *d, const struct mtasts_txt_answer *answer,
                             int64_t now) {
  struct mtasts_entry *entry = &d->entry;
  struct mtasts_record record;
  const char *why = NULL;
  d->needs &= ~(unsigned)MTASTS_NEED_TXT;
  d->changed = true;
  d->freshness = MTASTS_ASKED;
  if (now < entry->checked || fetch_forgiven(d->settings, entry))
    entry->retry_at = 0; /* in the first case it was set while the clock was ahead */

  entry->checked = now;
  entry->next_check = now + believed(answer->ttl);
  switch (answer->outcome) {
  case MTASTS_DNS_FAILED:
  case MTASTS_DNS_BOGUS:
    fail_record(d, answer, now);
    break;
  case MTASTS_DNS_NODATA:
  case MTASTS_DNS_NXDOMAIN:
    entry->record = MTASTS_RECORD_ABSENT;
    take_no_record(entry, now);
    break;
  case MTASTS_DNS_ANSWER:
    switch ((int)mtasts_record_parse(answer->texts, answer->count, &record, &why)) {
    case MTASTS_OK:
      take_record(d, &record, now);
      return d->needs;
    case MTASTS_ABSENT:
      entry->record = MTASTS_RECORD_ABSENT;
      take_no_record(entry, now);
      break;
    default:
      entry->record = MTASTS_RECORD_INVALID;
      entry->local_fault = false;
      fail(entry, MTASTS_ERROR_RECORD_INVALID, (struct mtasts_span){why, strlen(why)});
    }
  }
  /* HTTPS refreshes a policy in force whatever the state of its record. Otherwise an attacker who
   * blocks the DNS for max_age could end the policy (RFC 8461 sections 3.3 and 10.2). */
  if (mtasts_entry_live(entry, now) && (d->forced || fetch_due(d->settings, entry, now)))
    d->needs |= MTASTS_NEED_POLICY;
  return d->needs;
}

/* The wait after a failed fetch. Failures of the record count as well, and may have been many. So a
 * policy in force is fetched again before half of its remaining life is over: otherwise it could
 * expire although the outage has ended. */
static int64_t fetch_wait(const struct mtasts_discover_settings *settings,
                          const struct mtasts_entry *entry, int64_t now) {
  int64_t wait = back_off(settings, settings->retry_min, entry->failures);
  if (!mtasts_entry_live(entry, now))
    return wait;
  int64_t half = (entry->expires - now) / 2;
  if (half < settings->retry_min)
    half = settings->retry_min;
  return wait < half ? wait : half;
}

/* The policy host could not be asked, because the DNS gives no addresses of it. Repeated cases
 * count as one failure. RFC 8461 section 3.3 does not cover them. */
static void fail_unresolved(struct mtasts_discovery *d, enum mtasts_error error,
                            struct mtasts_span detail, int64_t now) {
  int64_t again = now + MTASTS_UNRESOLVED_RETRY;
  if (d->entry.record == MTASTS_RECORD_VALID)
    fail_once(&d->entry, error, detail);
  if (!d->entry.unresolved && d->entry.retry_at > again)
    return; /* a fetch under this id failed before, and its wait is not over */
  d->entry.retry_at = again;
  d->entry.unresolved = true;
}

static void fail_fetch(struct mtasts_discovery *d, enum mtasts_error error,
                       struct mtasts_span detail, int64_t now) {
  /* RFC 8461 section 3.3: five minutes or longer before the next try under this id. The cached
   * policy stays as it is. If the record failed as well, its error stays. */
  if (d->entry.record == MTASTS_RECORD_VALID)
    fail(&d->entry, error, detail);
  d->entry.retry_at = now + fetch_wait(d->settings, &d->entry, now);
  d->entry.unresolved = false;
  if (d->entry.record == MTASTS_RECORD_VALID)
    d->entry.local_fault = false;
}

static void take_policy(struct mtasts_discovery *d, const struct mtasts_policy *policy,
                        int64_t now) {
  struct mtasts_entry *entry = &d->entry;
  bool cached = entry->record == MTASTS_RECORD_VALID;
  d->urgent = !entry->has_policy || entry->policy.mode != policy->mode ||
              (cached && strcmp(entry->policy_id, entry->record_id) != 0);
  entry->has_policy = true;
  entry->policy = *policy;
  entry->fetched = now;
  entry->expires = now + policy->max_age;
  entry->local_fault = false;
  d->freshness = MTASTS_FETCHED;
  if (cached) {
    memcpy(entry->policy_id, entry->record_id, sizeof entry->policy_id);
    succeed(entry);
  }
}

unsigned mtasts_discover_policy(struct mtasts_discovery *d,
                                const struct mtasts_policy_answer *answer, int64_t now) {
  struct mtasts_policy policy;
  d->needs &= ~(unsigned)MTASTS_NEED_POLICY;
  d->changed = true;
  if (answer->error != MTASTS_ERROR_NONE) {
    bool local = answer->local || (answer->dated && d->settings->clock_in_doubt) ||
                 (answer->unresolved && d->settings->resolver_out);
    if (answer->unresolved || local)
      fail_unresolved(d, answer->error, answer->detail, now);
    else
      fail_fetch(d, answer->error, answer->detail, now);
    d->entry.local_fault = d->entry.local_fault || local;
    return d->needs;
  }
  if (mtasts_policy_parse(answer->body, answer->store, &policy, &d->report) == MTASTS_OK) {
    take_policy(d, &policy, now);
    return d->needs;
  }
  int length = snprintf(answer->detail_store, MTASTS_DETAIL_MAX, "policy line %u: %s",
                        (unsigned)d->report.error.line, d->report.error.text);
  size_t kept = length < 0 ? 0 : (size_t)length;
  if (kept >= MTASTS_DETAIL_MAX)
    kept = MTASTS_DETAIL_MAX - 1;
  fail_fetch(d, MTASTS_ERROR_POLICY_INVALID, (struct mtasts_span){answer->detail_store, kept}, now);
  return d->needs;
}

/* The known hosts stay: a failed look-up says nothing of them or of their DANE. */
static void fail_mx(struct mtasts_discovery *d, const struct mtasts_mx_answer *answer,
                    int64_t now) {
  struct mtasts_entry *entry = &d->entry;
  int64_t again = now + MTASTS_CHECK_MIN;
  entry->mx_expires = again;
  entry->mx_kept = entry->mx.count > 0;
  if (!entry->mx_kept)
    entry->mx_state = MTASTS_MX_ERROR;
  if (!d->settings->dane)
    return;
  if (answer->security == MTASTS_SECURITY_BOGUS)
    /* RFC 7672 section 2.1.3: delivery is deferred. */
    set_dane(entry, MTASTS_DANE_BOGUS, again, answer->detail);
  else if (!mtasts_dane_counts(entry, now))
    set_dane(entry, MTASTS_DANE_UNKNOWN, again, answer->detail);
  else if (again > entry->dane_expires || lapsed(entry->dane_expires, now))
    entry->dane_expires = again;
}

/*
 * Nothing could be validated. This must not end DANE that still applies. Otherwise an attacker on
 * the path to the DNS could end it, by dropping or stripping the records that prove that DNSSEC
 * works here. Such DANE stays, with its hosts, for the day for which it applies after it has
 * lapsed.
 */
static void take_unvalidated(struct mtasts_discovery *d, struct mtasts_span detail, int64_t now) {
  struct mtasts_entry *entry = &d->entry;
  int64_t again = now + MTASTS_UNVALIDATED_KEEP;
  if (!mtasts_dane_binds(entry, now)) {
    set_dane(entry, MTASTS_DANE_UNKNOWN, again, detail);
    return;
  }
  entry->mx_state = d->cached_mx_state;
  entry->mx = d->cached_mx;
  entry->mx_kept = true;
  entry->mx_expires = again;
}

unsigned mtasts_discover_mx(struct mtasts_discovery *d, const struct mtasts_mx_answer *answer,
                            int64_t now) {
  struct mtasts_entry *entry = &d->entry;
  bool hosts = answer->state == MTASTS_MX_LISTED || answer->state == MTASTS_MX_IMPLICIT;
  d->needs &= ~(unsigned)MTASTS_NEED_MX;
  d->changed = true;
  entry->mx_local_fault = d->settings->dane && answer->state == MTASTS_MX_ERROR &&
                          answer->security != MTASTS_SECURITY_BOGUS &&
                          (answer->local || d->settings->resolver_out);
  if (answer->state == MTASTS_MX_ERROR) {
    fail_mx(d, answer, now);
    return d->needs;
  }
  bool unvalidated = d->settings->dane && answer->security == MTASTS_SECURITY_UNKNOWN;
  d->cached_mx_state = entry->mx_state;
  d->cached_mx = entry->mx;
  entry->mx_state = answer->state;
  entry->mx = answer->mx;
  entry->mx_kept = false;
  entry->mx_expires = now + believed(answer->ttl);
  if (!d->settings->dane)
    set_dane(entry, MTASTS_DANE_NONE, 0, answer->detail);
  else if (unvalidated)
    take_unvalidated(d, answer->detail, now);
  else if (answer->security == MTASTS_SECURITY_SECURE && hosts)
    d->needs |= MTASTS_NEED_DANE;
  else
    /* RFC 7672 section 2.2.1: no DANE for an insecure MX set, which could be forged. */
    set_dane(entry, MTASTS_DANE_NONE, entry->mx_expires, answer->detail);
  return d->needs;
}

unsigned mtasts_discover_dane(struct mtasts_discovery *d, const struct mtasts_dane_answer *answer,
                              int64_t now) {
  struct mtasts_entry *entry = &d->entry;
  enum mtasts_dane dane = mtasts_dane_of_hosts(&answer->mx);
  bool failing = dane == MTASTS_DANE_BOGUS || dane == MTASTS_DANE_ERROR;
  d->needs &= ~(unsigned)MTASTS_NEED_DANE;
  if (answer->unvalidated) {
    entry->mx = answer->mx;
    take_unvalidated(d, answer->detail, now);
    return d->needs;
  }
  entry->mx = answer->mx;
  /* DANE that defers mail is looked up again soon. */
  set_dane(entry, dane, now + (failing ? MTASTS_CHECK_MIN : believed(answer->ttl)), answer->detail);
  /* Both are looked up together. Only MX hosts that were kept with their DANE can outlast it. */
  if (entry->mx_expires > entry->dane_expires)
    entry->mx_expires = entry->dane_expires;
  return d->needs;
}
