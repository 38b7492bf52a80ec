#include "discover.h"

#include <stdio.h>
#include <string.h>

#include "ascii.h"
#include "bounds.h"
#include "dane.h"

/* A TTL within bounds: how long an answer of the DNS is believed. */
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

/* RFC 8461 section 3.3: a policy SHOULD be fetched anew before it expires, daily or so. */
static int64_t refresh_after(const struct mtasts_discover_settings *settings,
                             const struct mtasts_entry *entry) {
  int64_t half = entry->policy.max_age / 2;
  return half < settings->refresh_interval ? half : settings->refresh_interval;
}

/* A fetch that lies in the future was made before the clock was turned back. */
static bool refresh_due(const struct mtasts_discover_settings *settings,
                        const struct mtasts_entry *entry, int64_t now) {
  return now < entry->fetched || now >= entry->fetched + refresh_after(settings, entry);
}

/* The wait after so many failures of the DNS in a row: a resolver is behind them more often than
 * the domain, and none may be remembered for longer (RFC 2308 section 7, RFC 9520 section 3.2). */
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

/* Was it the DNS that stopped the last fetch, and has it come back since? */
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

/* A time that lies further ahead than any may was set by a clock that was ahead. */
static bool lapsed(int64_t expires, int64_t now) {
  return now >= expires || now < expires - MTASTS_CHECK_MAX;
}

/* DANE that could not be validated again is looked at when its MX hosts are, however long ago
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
  /* MX hosts alone are worth a look-up only where a policy or DANE has a word to say on them. */
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
    return true; /* and retry_at is of a clock that was ahead, too */
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
    return now; /* by a clock that was ahead: what is due is not known */
  int64_t after = refresh_after(settings, entry);
  int64_t refresh = INT64_MAX;
  if (after < settings->refresh_interval / 2) {
    /* No more often than a failing one is tried (RFC 8461 section 3.3). */
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
      retry = entry->next_check; /* nothing is asked before that */
    if (entry->retry_at > entry->checked && entry->retry_at < retry)
      retry = entry->retry_at; /* but for a fetch that is due */
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

/* Mail waits for the sake of DANE. */
static bool dane_fails(const struct mtasts_entry *entry) {
  return entry->dane == MTASTS_DANE_BOGUS || entry->dane == MTASTS_DANE_ERROR;
}

/* Tells what is wrong with DANE, or that it is right again, unless the policy has its own trouble
 * to tell. */
static void note_dane(struct mtasts_entry *entry, struct mtasts_span detail) {
  bool failing = dane_fails(entry);
  bool told = entry->error == MTASTS_ERROR_DNSSEC && entry->record != MTASTS_RECORD_ERROR;
  /* A resolver that validates fails to tell the record of a bogus domain, too. */
  if (failing && (told || entry->error == MTASTS_ERROR_NONE || entry->error == MTASTS_ERROR_DNS)) {
    entry->error = MTASTS_ERROR_DNSSEC;
    entry->detail = detail;
  } else if (!failing && told) {
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
  /* Each of the hosts has a state as well. */
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

/* All is well with the policy. What DANE has to tell is for MX hosts to end. */
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
    /* RFC 8461 section 3.3 limits fetches for each id: a new one is free to be tried. */
    memcpy(entry->record_id, record->id, sizeof entry->record_id);
    entry->failures = 0;
    entry->retry_at = 0;
  }
  if (entry->record != MTASTS_RECORD_VALID && entry->retry_at == 0)
    entry->failures = 0; /* all of them were the record's own */
  entry->record = MTASTS_RECORD_VALID;
  /* A fetch that waits since such a fault has told nothing yet. */
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
  /* RFC 8461 section 3.3: no live policy can be discovered, the cached one MUST be applied. */
  fail(entry, MTASTS_ERROR_RECORD_INVALID,
       MTASTS_SPAN("the TXT record is gone; the cached policy governs until it expires"));
}

/* A fault of this host's counts for one failure, however often: it says nothing of the domain. */
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
    entry->retry_at = 0; /* the former was set by a clock that was ahead */

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
  /* A policy in force is kept alive by HTTPS whatever becomes of its record: else whoever can
   * withhold the DNS for max_age ends it (RFC 8461 sections 3.3 and 10.2). */
  if (mtasts_entry_live(entry, now) && (d->forced || fetch_due(d->settings, entry, now)))
    d->needs |= MTASTS_NEED_POLICY;
  return d->needs;
}

/* How long a fetch that failed is left alone. Failures of the record count as well, which may have
 * been many: a policy in force is tried again before half of what is left of its life is over, or
 * an outage that has ended would end the policy. */
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

/* No policy host was asked, as the DNS does not tell where it is: that counts for one failure,
 * however often, and RFC 8461 section 3.3 does not speak of it. */
static void fail_unresolved(struct mtasts_discovery *d, enum mtasts_error error,
                            struct mtasts_span detail, int64_t now) {
  if (d->entry.record == MTASTS_RECORD_VALID)
    fail_once(&d->entry, error, detail);
  d->entry.retry_at = now + MTASTS_UNRESOLVED_RETRY;
  d->entry.unresolved = true;
}

static void fail_fetch(struct mtasts_discovery *d, enum mtasts_error error,
                       struct mtasts_span detail, int64_t now) {
  /* RFC 8461 section 3.3: five minutes or longer before the next try under this id. What is
   * cached stays as it is. Where the record failed as well, that is the error to be told. */
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

/* The hosts known before stay: a failing look-up is no news of them, nor of their DANE. */
static void fail_mx(struct mtasts_discovery *d, const struct mtasts_mx_answer *answer,
                    int64_t now) {
  struct mtasts_entry *entry = &d->entry;
  int64_t again = now + MTASTS_CHECK_MIN;
  entry->mx_expires = again;
  if (entry->mx.count == 0)
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
 * Nothing could be validated. That is no news of DANE that still counts, or an attacker on the
 * way to the DNS could end it: by dropping or stripping what proves that DNSSEC works here. Such
 * DANE stays, with the hosts that it is of, for the day for which it counts after it has lapsed.
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
  entry->mx_expires = now + believed(answer->ttl);
  if (!d->settings->dane)
    set_dane(entry, MTASTS_DANE_NONE, 0, answer->detail);
  else if (unvalidated)
    take_unvalidated(d, answer->detail, now);
  else if (answer->security == MTASTS_SECURITY_SECURE && hosts)
    d->needs |= MTASTS_NEED_DANE;
  else
    /* RFC 7672 section 2.2.1: no DANE behind an MX set that anybody could have made. */
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
  /* What holds mail back is looked at again soon. */
  set_dane(entry, dane, now + (failing ? MTASTS_CHECK_MIN : believed(answer->ttl)), answer->detail);
  /* Both are looked up together. MX hosts that outlast their DANE are such as were kept with it. */
  if (entry->mx_expires > entry->dane_expires)
    entry->mx_expires = entry->dane_expires;
  return d->needs;
}
