#include "words.h"

#include "ascii.h"
#include "mx_mismatch.h"
#include "rfc3339.h"
#include "span.h"

enum {
  HOSTS_NAMED = 8, /* in a sentence */
};

bool mtasts_words_next(struct mtasts_span *list, struct mtasts_span *name) {
  while (list->len > 0) {
    mtasts_span_cut(list, ':', name);
    mtasts_span_skip_wsp(name);
    mtasts_span_trim_wsp(name);
    if (name->len > 0)
      return true;
  }
  return false;
}

bool mtasts_words_mismatch(const struct mtasts_known *known, struct mtasts_span mx_list,
                           struct mtasts_span *first) {
  struct mtasts_span host;
  struct mtasts_span found = {NULL, 0};
  size_t hosts = 0;
  size_t matched = 0;
  while (matched == 0 && mtasts_words_next(&mx_list, &host)) {
    if (host.len == 1 && host.data[0] == '.')
      continue; /* a null MX (RFC 7505) fails as it does without us */
    if (hosts++ == 0)
      found = host;
    matched += mtasts_decision_lists(&known->decision, host);
  }
  if (!mtasts_mx_mismatch(&known->decision, mtasts_mx_listed(hosts, matched)))
    return false;
  *first = found;
  return true;
}

void mtasts_words_mismatch_reason(const struct mtasts_known *known, struct mtasts_span mx_list,
                                  struct mtasts_text *text) {
  struct mtasts_span host;
  size_t count = 0;
  mtasts_text_put(text, "MTA-STS: the enforce policy of ");
  mtasts_text_put(text, known->domain.name);
  mtasts_text_put(text, " lists none of its MX hosts (");
  while (mtasts_words_next(&mx_list, &host))
    if (count++ < HOSTS_NAMED) {
      mtasts_text_put(text, count > 1 ? ", " : "");
      mtasts_text_host(text, host);
    }
  if (count > HOSTS_NAMED) {
    mtasts_text_put(text, " and ");
    mtasts_text_number(text, count - HOSTS_NAMED);
    mtasts_text_put(text, " more");
  }
  mtasts_text_put(text, "), so none may be used (RFC 8461 section 5); policy id ");
  mtasts_text_put(text, known->ruling.entry.policy_id);
  mtasts_text_put(text, "; if it has a new policy: mtasts query --refresh ");
  mtasts_text_put(text, known->domain.name);
}

/* One item of the ignore list: `!` keeps the hosts that the policy's mx pattern matches. [.]
 * because ${extract} eats backslashes; a regular expression because Exim's own `*.x` spans labels
 * and a bare name would be compared by address. */
void mtasts_words_keep(struct mtasts_text *text, struct mtasts_span pattern) {
  mtasts_text_put(text, "!^");
  if (mtasts_span_take(&pattern, '*'))
    mtasts_text_put(text, "[^.]+");
  for (size_t i = 0; i < pattern.len; i++) {
    char c = pattern.data[i];
    if (c == '.')
      mtasts_text_put(text, "[.]");
    else if (mtasts_is_alnum(c) || c == '-' || c == '_')
      mtasts_text_add(text, (struct mtasts_span){&c, 1});
  }
  mtasts_text_put(text, "$ ; ");
}

/* False: too long. */
static bool put_ignore(struct mtasts_text *text, const struct mtasts_names *patterns) {
  struct mtasts_span pattern;
  size_t start = text->len;
  /* Exim drops hosts that it ignores before it looks for itself among them, and where it is one
   * of them drops it and those after it: mail must not go round in circles. */
  mtasts_text_put(text, "<; !@[] ; ");
  for (size_t cursor = 0; mtasts_names_next(patterns, &cursor, &pattern);) {
    mtasts_words_keep(text, pattern);
    if (text->len - start > MTASTS_IGNORE_MAX)
      return false;
  }
  mtasts_text_put(text, "*");
  return !text->full;
}

static void put_id(struct mtasts_text *text, const struct mtasts_known *known) {
  const struct mtasts_entry *entry = &known->ruling.entry;
  char expires[MTASTS_RFC3339_SIZE] = "";
  mtasts_text_put(text, " id=\"");
  if (known->decision.policy) {
    mtasts_text_put(text, entry->policy_id);
    if (!known->ruling.overridden)
      mtasts_rfc3339_format(entry->expires, expires);
  }
  mtasts_text_put(text, "\" expires=\"");
  mtasts_text_put(text, expires);
  mtasts_text_put(text, "\" ignore=\"");
}

/* In double quotes, for Exim's ${extract}: printable ASCII, with ' for " and / for \. */
static void put_quoted(struct mtasts_text *text, const char *words) {
  mtasts_text_put(text, "\"");
  for (; *words; words++) {
    char c = *words;
    if (c == '"')
      c = '\'';
    else if (c == '\\')
      c = '/';
    else if (c != ' ' && !mtasts_is_visible(c))
      c = '?';
    mtasts_text_add(text, (struct mtasts_span){&c, 1});
  }
  mtasts_text_put(text, "\"");
}

static void put_reason(struct mtasts_text *text, const char *words) {
  mtasts_text_put(text, " reason=");
  put_quoted(text, words);
}

static void put_too_long(struct mtasts_text *text, const struct mtasts_known *known) {
  char words[512] = "";
  struct mtasts_text reason = MTASTS_TEXT(words);
  mtasts_text_cut(text, 0);
  mtasts_text_put(text, "mode=tempfail");
  put_id(text, known);
  mtasts_text_put(text, "\"");
  mtasts_text_put(&reason, "MTA-STS: the policy of ");
  mtasts_text_put(&reason, known->domain.name);
  mtasts_text_put(&reason, " lists too many MX hosts for Exim; an override in mtasts.conf can "
                           "stand in for it");
  put_reason(text, words);
}

/* RFC 8461 has modes; defer is Exim's tempfail. */
static const char *mode_name(enum mtasts_verdict verdict) {
  return verdict == MTASTS_VERDICT_DEFER ? "tempfail" : mtasts_verdict_name(verdict);
}

/* A look-up of the MX hosts costs Exim a query. It is spared if mtastsd knows them, and the policy
 * lists one. */
static bool must_look_up_mx(const struct mtasts_known *known) {
  const struct mtasts_entry *entry = &known->ruling.entry;
  if (known->decision.verdict != MTASTS_VERDICT_ENFORCE)
    return false;
  return known->now >= entry->mx_expires ||
         mtasts_policy_against_mx(&known->decision, entry, NULL).matched == 0;
}

void mtasts_words_policy(const struct mtasts_known *known, struct mtasts_span mx_list,
                         struct mtasts_text *text) {
  enum mtasts_verdict verdict = mtasts_known_verdict(known);
  struct mtasts_span first;
  mtasts_text_put(text, "mode=");
  mtasts_text_put(text, mode_name(verdict));
  put_id(text, known);
  if (verdict == MTASTS_VERDICT_ENFORCE && !put_ignore(text, &known->decision.policy->mx)) {
    put_too_long(text, known);
    return;
  }
  mtasts_text_put(text, "\"");
  if (known->decision.verdict == MTASTS_VERDICT_UNKNOWN)
    mtasts_text_put(text, " unknown=yes");
  if (known->ruling.monitor)
    mtasts_text_put(text, " monitor=yes");
  /* Exim looks for TLSA records by itself if it may. */
  if (known->ruling.dane_off)
    mtasts_text_put(text, " dane=off");
  if (mx_list.len == 0 && must_look_up_mx(known))
    mtasts_text_put(text, " mx=ask");
  if (verdict == MTASTS_VERDICT_DEFER)
    put_reason(text, known->why);
  if (verdict == MTASTS_VERDICT_ENFORCE && mtasts_words_mismatch(known, mx_list, &first)) {
    char words[3072] = "";
    struct mtasts_text reason = MTASTS_TEXT(words);
    mtasts_words_mismatch_reason(known, mx_list, &reason);
    mtasts_text_put(text, " mx=mismatch");
    put_reason(text, words);
  }
}
