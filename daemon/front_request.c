#include "front_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ad_check.h"
#include "ascii.h"
#include "dane.h"
#include "entry_codec.h"
#include "entry_json.h"
#include "idn.h"

enum {
  STS_DEADLINE_MS = 4000,  /* Sendmail waits 5 s */
  MTA_DEADLINE_MS = 30000, /* Postfix waits 100 s */
  TOO_MANY_PAUSE_MS = 60000,
  SAME_MAIL = 60, /* seconds after a look-up in which the same mail may ask again */
};

struct question {
  struct mtasts_peer *peer;
  enum mtasts_map map;
  struct mtasts_span text;
  struct mtasts_domain domain;
  int64_t now;
};

static const struct mtasts_config *config_of(const struct mtasts_front *front) {
  return front->snapshot->config;
}

static bool enforces_nothing(const struct mtasts_front *front, enum mtasts_map map) {
  return mtasts_map_is_mta(map) && config_of(front)->site_mode == MTASTS_SITE_MONITOR;
}

/* RFC 7672 section 2.2.3: TLSA records are for one port, and only those of port 25 were looked up.
 */
static bool is_port_25(struct mtasts_span hop) {
  const char *colon = hop.len > 0 ? memrchr(hop.data, ':', hop.len) : NULL;
  if (!colon)
    return true;
  struct mtasts_span port = {colon + 1, (size_t)(hop.data + hop.len - colon - 1)};
  return mtasts_span_equal(port, MTASTS_SPAN("25")) || mtasts_span_equal(port, MTASTS_SPAN("smtp"));
}

/* Decides, counts and writes. */
static size_t reply(struct mtasts_front *front, enum mtasts_map map,
                    struct mtasts_map_answer *found, int64_t now, char *out) {
  found->other_port = mtasts_map_is_mta(map) && !is_port_25(found->text);
  mtasts_map_answer_decide(found, now);
  if (found->decision.verdict == MTASTS_VERDICT_UNKNOWN)
    mtasts_count(front->stats, MTASTS_COUNT_UNKNOWN);
  return mtasts_map_reply_write(map, found, config_of(front), now, out);
}

/* waiting */

/* Gives the job, which is taken over, and makes the peer wait for it. False: there is no room. */
static bool wait_for(struct mtasts_front *front, const struct question *question,
                     struct mtasts_job *job) {
  enum mtasts_timeout_class timeout_class = MTASTS_TIMEOUT_CLASS_MTA;
  int64_t max = MTA_DEADLINE_MS;
  int64_t now = mtasts_clock_coarse_ms();
  if (mtasts_peer_socket_kind(question->peer) == MTASTS_SOCKET_ASK) {
    timeout_class = MTASTS_TIMEOUT_CLASS_ASK;
    max = config_of(front)->ask.deadline;
  } else if (question->map == MTASTS_MAP_STS) {
    timeout_class = MTASTS_TIMEOUT_CLASS_STS;
    max = STS_DEADLINE_MS;
  }
  job->waited = true;
  job->domain = question->domain;
  const struct mtasts_wait wait = {
      .peer = question->peer,
      .map = question->map,
      .text = question->text,
      .timeout_class = timeout_class,
      .deadline = now + max,
  };
  struct mtasts_waiter *waiter = mtasts_waiters_add(&front->waiters, job, &wait);
  if (!waiter) {
    if (mtasts_ratelimit(&front->too_many_log, TOO_MANY_PAUSE_MS))
      mtasts_log(MTASTS_LOG_WARNING, "too many questions wait for look-ups: those without a cached "
                                     "policy in force are answered with unknown");
    return false;
  }
  waiter->since = now;
  mtasts_peer_set_token(question->peer, waiter);
  mtasts_front_set_deadline(front);
  return true;
}

static bool wait_for_kind(struct mtasts_front *front, const struct question *question,
                          enum mtasts_job_kind kind) {
  struct mtasts_job *job = mtasts_job_new(kind);
  return job && wait_for(front, question, job);
}

/* answers from the cache */

/* An unstored entry takes precedence over the cached one. */
static enum mtasts_status read_cached(const struct mtasts_front *front,
                                      const struct mtasts_domain *domain,
                                      struct mtasts_entry *entry) {
  if (mtasts_unstored_get(&front->unstored, domain, entry))
    return MTASTS_OK;
  return mtasts_reader_get(front->reader, domain, entry);
}

/* Is enough known to answer at once, whatever is due? An override's policy takes precedence over
 * the domain's policy, but never over DANE. */
static bool can_answer(const struct mtasts_discover_settings *settings,
                       const struct mtasts_entry *entry, const struct mtasts_override *override,
                       bool due, int64_t now) {
  if (override && !override->no_policy &&
      (!settings->dane || (entry && mtasts_dane_counts(entry, now))))
    return true;
  return !due || (entry && mtasts_discover_answers(settings, entry, now));
}

static bool is_due(const struct mtasts_discover_settings *settings,
                   const struct mtasts_entry *entry, int64_t now) {
  return !entry || mtasts_discover_due(settings, entry, now) != 0;
}

/*
 * Adjusts a stored entry to this site. An MTA whose resolver sets no AD bit cannot use TLSA
 * records, and could only defer. If the policy shall decide then (dns.without_ad), the records are
 * treated as unusable. Then an enforce policy decides, or TLS is required (RFC 7672 section 2.2).
 */
static void take(const struct mtasts_front *front, const struct mtasts_discover_settings *settings,
                 struct mtasts_entry *entry) {
  mtasts_discover_apply_settings(settings, entry);
  if (config_of(front)->dns.without_ad == MTASTS_WITHOUT_AD_DANE ||
      atomic_load_explicit(&front->stats->host_ad, memory_order_relaxed) != MTASTS_AD_MISSING)
    return;
  if (entry->dane == MTASTS_DANE_USABLE)
    entry->dane = MTASTS_DANE_UNUSABLE;
  else if (entry->dane == MTASTS_DANE_MIXED)
    entry->dane = MTASTS_DANE_NONE;
}

/* Does the entry govern mail even without a new look-up? True of a live policy (RFC 8461 sections
 * 3.3 and 5.1), and of DANE (RFC 7672 section 2.1). */
static bool governs(const struct mtasts_entry *entry, int64_t now) {
  return mtasts_entry_live(entry, now) || mtasts_dane_binds(entry, now);
}

static const struct mtasts_override *override_of(const struct mtasts_front *front,
                                                 const struct mtasts_domain *domain, int64_t now) {
  return mtasts_config_override_at(config_of(front), domain, now);
}

/* A name from junk mail is asked for once, so only a domain that was already known is marked as
 * asked for again. */
static void mark_use(struct mtasts_usage_filter *usage, struct mtasts_usage_filter_slot slot,
                     const struct mtasts_entry *entry, int64_t now) {
  if (entry && now - entry->checked >= SAME_MAIL)
    mtasts_usage_filter_mark_again(usage, slot);
  else
    mtasts_usage_filter_mark(usage, slot);
}

static size_t answer_domain(struct mtasts_front *front, const struct question *question,
                            char *out) {
  struct mtasts_entry entry;
  struct mtasts_map_answer found = {.text = question->text, .domain = &question->domain};
  struct mtasts_usage_filter_slot slot =
      mtasts_usage_filter_locate(front->usage, &question->domain);
  front->settings.resolver_back =
      atomic_load_explicit(&front->stats->resolver_back, memory_order_relaxed);
  found.override = override_of(front, &question->domain, question->now);
  const struct mtasts_discover_settings settings =
      mtasts_settings_with(&front->settings, found.override);
  enum mtasts_status status = read_cached(front, &question->domain, &entry);
  if (status == MTASTS_OK) {
    take(front, &settings, &entry);
    found.entry = &entry;
  } else {
    mtasts_count_read(front->stats, status);
  }
  mark_use(front->usage, slot, found.entry, question->now);
  bool due = is_due(&settings, found.entry, question->now);
  if (can_answer(&settings, found.entry, found.override, due, question->now)) {
    /* With an override only DANE is still needed. */
    if (due && (!found.override || found.override->no_policy || settings.dane))
      mtasts_waiters_background_lookup(&front->waiters, MTASTS_JOB_LOOK_UP, &question->domain,
                                       question->peer);
    size_t size = reply(front, question->map, &found, question->now, out);
    mtasts_count(front->stats, found.override ? MTASTS_COUNT_OVERRIDES : MTASTS_COUNT_HITS);
    if (found.decision.source == MTASTS_SOURCE_STALE)
      mtasts_count(front->stats, MTASTS_COUNT_STALE);
    return size;
  }
  mtasts_count(front->stats, MTASTS_COUNT_MISSES);
  if (enforces_nothing(front, question->map)) {
    /* In monitor mode the reply is known already, so mail does not wait for the first week's
     * look-ups. */
    mtasts_waiters_background_lookup(&front->waiters, MTASTS_JOB_LOOK_UP, &question->domain,
                                     question->peer);
    mtasts_count_wait(front->stats, 0);
    return mtasts_map_reply_text("NOTFOUND ", out);
  }
  if (wait_for_kind(front, question, MTASTS_JOB_LOOK_UP))
    return MTASTS_REPLY_LATER;
  mtasts_count_wait(front->stats, 0);
  if (found.entry && !governs(found.entry, question->now))
    found.entry = NULL;
  return reply(front, question->map, &found, question->now, out);
}

/* There is no policy domain: malformed, an address, or `.parent`. */
static size_t answer_no_domain(struct mtasts_front *front, const struct question *question,
                               bool malformed, char *out) {
  struct mtasts_map_answer found = {.text = question->text};
  if (mtasts_map_is_mta(question->map) || (question->map == MTASTS_MAP_REMOVE && !malformed))
    return mtasts_map_reply_text("NOTFOUND ", out);
  if (malformed)
    return mtasts_map_reply_text("PERM malformed domain", out);
  return reply(front, question->map, &found, question->now, out);
}

/* outcomes */

/* A fault of this host is no failure of the domain's, and an override is this site's own policy:
 * neither is reported. */
enum mtasts_result_type mtasts_front_discovery(void *context, struct mtasts_span name,
                                               struct mtasts_span *reason) {
  const struct mtasts_front *front = context;
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  int64_t now = time(NULL);
  if (mtasts_domain_parse(name, &domain) != MTASTS_OK)
    return MTASTS_RESULT_SUCCESS;
  const struct mtasts_override *override = override_of(front, &domain, now);
  if ((override && !override->no_policy) || read_cached(front, &domain, &entry) != MTASTS_OK ||
      entry.local_fault || mtasts_entry_live(&entry, now))
    return MTASTS_RESULT_SUCCESS;
  *reason = entry.detail;
  return mtasts_result_of_error(entry.error);
}

/* requests of our own programs */

static size_t answer_stats(struct mtasts_front *front, char *out) {
  size_t head = mtasts_map_reply_text("OK ", out);
  return head + mtasts_stats_text(front->stats, out + head, MTASTS_REPLY_MAX - head);
}

static size_t too_many(char *out) {
  return mtasts_map_reply_text("TEMP too many jobs are waiting: try again later", out);
}

static size_t do_pending_job(struct mtasts_front *front, const struct question *question,
                             enum mtasts_job_kind kind, char *out) {
  return wait_for_kind(front, question, kind) ? MTASTS_REPLY_LATER : too_many(out);
}

/* The job that stores an entry; NULL: *why is the error. */
static struct mtasts_job *import_job(struct mtasts_span line, struct mtasts_domain *domain,
                                     char why[MTASTS_ERROR_TEXT]) {
  struct mtasts_entry_buffers *store = malloc(sizeof *store);
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_IMPORT);
  struct mtasts_entry entry;
  snprintf(why, MTASTS_ERROR_TEXT, "out of memory");
  if (store && job && mtasts_entry_from_json(line, store, domain, &entry, why) == MTASTS_OK) {
    job->value = malloc(mtasts_entry_size(&entry));
    if (job->value)
      job->value_size = mtasts_entry_encode(&entry, job->value);
  }
  free(store);
  if (job && job->value)
    return job;
  mtasts_job_free(job);
  return NULL;
}

static size_t answer_import(struct mtasts_front *front, struct question *question, char *out) {
  uid_t uid = mtasts_peer_uid(question->peer);
  struct mtasts_span line = question->text;
  char why[MTASTS_ERROR_TEXT];
  /* An entry governs a domain's mail, so only users who could write the cache may import it. */
  if (uid != 0 && uid != geteuid())
    return mtasts_map_reply_text("PERM not permitted", out);
  struct mtasts_job *job = import_job(line, &question->domain, why);
  if (!job)
    return mtasts_map_reply_text("PERM ", out) + mtasts_map_reply_text(why, out + 5);
  question->text.len = 0;
  return wait_for(front, question, job) ? MTASTS_REPLY_LATER : too_many(out);
}

/* Any name is answered as `postfix`. It may be a mistake, so it is logged once. */
static void note_map(struct mtasts_front *front, struct mtasts_span name) {
  char text[64];
  if (front->odd_map || mtasts_span_equal(name, MTASTS_SPAN("postfix")) ||
      mtasts_span_equal(name, MTASTS_SPAN("QUERY")))
    return;
  front->odd_map = true;
  mtasts_log_value(name, text, sizeof text);
  mtasts_log(MTASTS_LOG_INFO,
             "socketmap: there is no map %s: it is answered like postfix; see mtastsd(8)", text);
}

size_t mtasts_front_answer(void *context, struct mtasts_peer *peer,
                           const struct mtasts_request *request, char *out) {
  struct mtasts_front *front = context;
  struct question question = {.peer = peer, .text = request->key, .now = time(NULL)};
  question.map = mtasts_map_named(request->map, mtasts_peer_socket_kind(peer));
  mtasts_count(front->stats, MTASTS_COUNT_REQUESTS);
  if (question.map == MTASTS_MAP_POSTFIX)
    note_map(front, request->map);
  if (question.map == MTASTS_MAP_STATS)
    return answer_stats(front, out);
  if (question.map == MTASTS_MAP_IMPORT)
    return answer_import(front, &question, out);

  enum mtasts_status status = mtasts_domain_parse(question.text, &question.domain);
  if (status == MTASTS_NOT_ASCII)
    status = mtasts_domain_from_text(question.text, &question.domain);
  if (status != MTASTS_OK)
    return answer_no_domain(front, &question, status == MTASTS_INVALID, out);
  switch (question.map) {
  case MTASTS_MAP_REFRESH:
    return do_pending_job(front, &question, MTASTS_JOB_REFRESH, out);
  case MTASTS_MAP_RECHECK:
    return do_pending_job(front, &question, MTASTS_JOB_RECHECK, out);
  case MTASTS_MAP_REMOVE:
    return do_pending_job(front, &question, MTASTS_JOB_REMOVE, out);
  case MTASTS_MAP_POSTFIX:
  case MTASTS_MAP_TLSRPT:
  case MTASTS_MAP_STS:
    /* A next hop in brackets is looked up without MX; it is usually a smart host. */
    if (question.text.data[0] == '[' && !config_of(front)->socketmap.bracketed)
      return mtasts_map_reply_text("NOTFOUND ", out);
    break;
  case MTASTS_MAP_DECISION:
  case MTASTS_MAP_ENTRY:
  case MTASTS_MAP_IMPORT:
  case MTASTS_MAP_STATS:
    break;
  }
  return answer_domain(front, &question, out);
}

/* ahead */

static bool looks_up(enum mtasts_map map) {
  return mtasts_map_is_mta(map) || map == MTASTS_MAP_DECISION || map == MTASTS_MAP_ENTRY;
}

void mtasts_front_prefetch(void *context, const struct mtasts_peer *peer,
                           const struct mtasts_request *request) {
  struct mtasts_front *front = context;
  struct mtasts_entry entry;
  struct mtasts_domain domain;
  int64_t now = time(NULL);
  if (!looks_up(mtasts_map_named(request->map, mtasts_peer_socket_kind(peer))) ||
      mtasts_domain_from_text(request->key, &domain) != MTASTS_OK)
    return;
  const struct mtasts_override *override = override_of(front, &domain, now);
  const struct mtasts_discover_settings settings = mtasts_settings_with(&front->settings, override);
  bool cached = read_cached(front, &domain, &entry) == MTASTS_OK;
  if (cached)
    take(front, &settings, &entry);
  bool due = is_due(&settings, cached ? &entry : NULL, now);
  if (!can_answer(&settings, cached ? &entry : NULL, override, due, now))
    mtasts_waiters_background_lookup(&front->waiters, MTASTS_JOB_LOOK_UP, &domain, peer);
}

/* later */

static size_t answer_done(const struct mtasts_job *job, const char *done, char *out) {
  if (!job)
    return mtasts_map_reply_text("TEMP not finished yet: check again later", out);
  if (job->status == MTASTS_OK)
    return mtasts_map_reply_text(done, out);
  if (job->status == MTASTS_ABSENT)
    return mtasts_map_reply_text("NOTFOUND ", out);
  if (job->status == MTASTS_LOCKED)
    return mtasts_map_reply_text("TEMP the cache is checked or salvaged: try again later", out);
  size_t head = mtasts_map_reply_text("TEMP failed: ", out);
  return head + mtasts_map_reply_text(mtasts_status_name(job->status), out + head);
}

size_t mtasts_front_answer_late(struct mtasts_front *front, const struct mtasts_waiter *waiter,
                                const struct mtasts_job *job, char *out) {
  const struct mtasts_domain *domain = &waiter->pending_job->domain;
  struct mtasts_entry entry;
  struct mtasts_map_answer found = {.text = {waiter->text, waiter->text_len}, .domain = domain};
  int64_t now = time(NULL);
  found.override = override_of(front, domain, now);
  const struct mtasts_discover_settings settings =
      mtasts_settings_with(&front->settings, found.override);
  if (waiter->map == MTASTS_MAP_REMOVE)
    return answer_done(job, "OK removed", out);
  if (waiter->map == MTASTS_MAP_IMPORT)
    return answer_done(job, "OK imported", out);

  if (job && job->status == MTASTS_OK &&
      mtasts_entry_decode(job->value, job->value_size, &entry) == MTASTS_OK) {
    take(front, &settings, &entry);
    found.entry = &entry;
    found.freshness = job->freshness;
  } else if (waiter->map == MTASTS_MAP_REFRESH || waiter->map == MTASTS_MAP_RECHECK) {
    return answer_done(job, "TEMP the answer cannot be read", out);
  } else if (read_cached(front, domain, &entry) == MTASTS_OK) {
    take(front, &settings, &entry);
    if (governs(&entry, now)) /* no result in time */
      found.entry = &entry;
  }
  return reply(front, waiter->map, &found, now, out);
}
