#include "policy_format.h"

#include "ascii.h"
#include "mx_mismatch.h"
#include "rfc3339.h"
#include "span.h"

enum {
  HOSTS_NAMED = 8, /* in a sentence */
};

bool mtasts_colon_list_next(struct mtasts_span *list, struct mtasts_span *name) {
  while (list->len > 0) {
    mtasts_span_cut(list, ':', name);
    mtasts_span_skip_wsp(name);
    mtasts_span_trim_wsp(name);
    if (name->len > 0)
      return true;
  }
  return false;
}

bool mtasts_policy_format_mismatch(const struct mtasts_domain_decision *decided,
                                   struct mtasts_span mx_list, struct mtasts_span *first) {
  struct mtasts_span host;
  struct mtasts_span found = {NULL, 0};
  size_t hosts = 0;
  size_t matched = 0;
  while (matched == 0 && mtasts_colon_list_next(&mx_list, &host)) {
    if (host.len == 1 && host.data[0] == '.')
      continue; /* a null MX (RFC 7505) fails as it would without us */
    if (hosts++ == 0)
      found = host;
    matched += mtasts_decision_lists(&decided->decision, host);
  }
  if (!mtasts_mx_mismatch(&decided->decision, mtasts_mx_listed(hosts, matched)))
    return false;
  *first = found;
  return true;
}

void mtasts_policy_format_mismatch_reason(const struct mtasts_domain_decision *decided,
                                          struct mtasts_span mx_list, struct mtasts_strbuf *text) {
  struct mtasts_span host;
  size_t count = 0;
  mtasts_strbuf_put(text, "MTA-STS: the enforce policy of ");
  mtasts_strbuf_put(text, decided->domain.name);
  mtasts_strbuf_put(text, " lists none of its MX hosts (");
  while (mtasts_colon_list_next(&mx_list, &host))
    if (count++ < HOSTS_NAMED) {
      mtasts_strbuf_put(text, count > 1 ? ", " : "");
      mtasts_strbuf_host(text, host);
    }
  if (count > HOSTS_NAMED) {
    mtasts_strbuf_put(text, " and ");
    mtasts_strbuf_number(text, count - HOSTS_NAMED);
    mtasts_strbuf_put(text, " more");
  }
  mtasts_strbuf_put(text, "), so none may be used (RFC 8461 section 5); policy id ");
  mtasts_strbuf_put(text, decided->entry_reply.entry.policy_id);
  mtasts_strbuf_put(text, "; if it has a new policy: mtasts query --refresh ");
  mtasts_strbuf_put(text, decided->domain.name);
}

/* Writes one item of the ignore list: `!` keeps the hosts that the policy's mx pattern matches. It
 * is a regular expression because Exim's own `*.x` spans labels, and Exim would compare a bare name
 * by address. It has [.] because ${extract} removes backslashes. */
void mtasts_policy_format_keep(struct mtasts_strbuf *text, struct mtasts_span pattern) {
  mtasts_strbuf_put(text, "!^");
  if (mtasts_span_take(&pattern, '*'))
    mtasts_strbuf_put(text, "[^.]+");
  for (size_t i = 0; i < pattern.len; i++) {
    char c = pattern.data[i];
    if (c == '.')
      mtasts_strbuf_put(text, "[.]");
    else if (mtasts_is_alnum(c) || c == '-' || c == '_')
      mtasts_strbuf_add(text, (struct mtasts_span){&c, 1});
  }
  mtasts_strbuf_put(text, "$ ; ");
}

/* False: too long. */
static bool put_ignore(struct mtasts_strbuf *text, const struct mtasts_names *patterns) {
  struct mtasts_span pattern;
  size_t start = text->len;
  /* Exim drops ignored hosts before it looks for itself among the MX hosts. If it finds itself, it
   * drops that host and all after it, so that mail does not loop. So the list keeps Exim's own
   * addresses (`@[]`). */
  mtasts_strbuf_put(text, "<; !@[] ; ");
  for (size_t cursor = 0; mtasts_names_next(patterns, &cursor, &pattern);) {
    mtasts_policy_format_keep(text, pattern);
    if (text->len - start > MTASTS_IGNORE_MAX)
      return false;
  }
  mtasts_strbuf_put(text, "*");
  return !text->full;
}

static void put_id(struct mtasts_strbuf *text, const struct mtasts_domain_decision *decided) {
  const struct mtasts_entry *entry = &decided->entry_reply.entry;
  char expires[MTASTS_RFC3339_SIZE] = "";
  mtasts_strbuf_put(text, " id=\"");
  if (decided->decision.policy) {
    mtasts_strbuf_put(text, entry->policy_id);
    if (!decided->entry_reply.overridden)
      mtasts_rfc3339_format(entry->expires, expires);
  }
  mtasts_strbuf_put(text, "\" expires=\"");
  mtasts_strbuf_put(text, expires);
  mtasts_strbuf_put(text, "\" ignore=\"");
}

/* In double quotes, for Exim's ${extract}: printable ASCII, with ' for " and / for \. */
static void put_quoted(struct mtasts_strbuf *text, const char *words) {
  mtasts_strbuf_put(text, "\"");
  for (; *words; words++) {
    char c = *words;
    if (c == '"')
      c = '\'';
    else if (c == '\\')
      c = '/';
    else if (c != ' ' && !mtasts_is_visible(c))
      c = '?';
    mtasts_strbuf_add(text, (struct mtasts_span){&c, 1});
  }
  mtasts_strbuf_put(text, "\"");
}

static void put_reason(struct mtasts_strbuf *text, const char *words) {
  mtasts_strbuf_put(text, " reason=");
  put_quoted(text, words);
}

static void put_too_long(struct mtasts_strbuf *text, const struct mtasts_domain_decision *decided) {
  char words[512] = "";
  struct mtasts_strbuf reason = MTASTS_STRBUF(words);
  mtasts_strbuf_cut(text, 0);
  mtasts_strbuf_put(text, "mode=tempfail");
  put_id(text, decided);
  mtasts_strbuf_put(text, "\"");
  mtasts_strbuf_put(&reason, "MTA-STS: the policy of ");
  mtasts_strbuf_put(&reason, decided->domain.name);
  mtasts_strbuf_put(&reason, " lists too many MX hosts for Exim; an override in mtasts.conf can "
                             "stand in for it");
  put_reason(text, words);
}

/* RFC 8461 has modes; defer is Exim's tempfail. */
static const char *mode_name(enum mtasts_verdict verdict) {
  return verdict == MTASTS_VERDICT_DEFER ? "tempfail" : mtasts_verdict_name(verdict);
}

/* An MX look-up costs Exim a query. It is not needed if mtastsd knows the MX hosts and the policy
 * lists one. */
static bool must_look_up_mx(const struct mtasts_domain_decision *decided) {
  const struct mtasts_entry *entry = &decided->entry_reply.entry;
  if (decided->decision.verdict != MTASTS_VERDICT_ENFORCE)
    return false;
  return decided->now >= entry->mx_expires ||
         mtasts_policy_against_mx(&decided->decision, entry, NULL).matched == 0;
}

void mtasts_policy_format_policy(const struct mtasts_domain_decision *decided,
                                 struct mtasts_span mx_list, struct mtasts_strbuf *text) {
  enum mtasts_verdict verdict = mtasts_domain_decision_verdict(decided);
  struct mtasts_span first;
  mtasts_strbuf_put(text, "mode=");
  mtasts_strbuf_put(text, mode_name(verdict));
  put_id(text, decided);
  if (verdict == MTASTS_VERDICT_ENFORCE && !put_ignore(text, &decided->decision.policy->mx)) {
    put_too_long(text, decided);
    return;
  }
  mtasts_strbuf_put(text, "\"");
  if (decided->decision.verdict == MTASTS_VERDICT_UNKNOWN)
    mtasts_strbuf_put(text, " unknown=yes");
  if (decided->entry_reply.monitor)
    mtasts_strbuf_put(text, " monitor=yes");
  /* Exim looks up TLSA records by itself if it may. */
  if (decided->entry_reply.dane_off)
    mtasts_strbuf_put(text, " dane=off");
  if (mx_list.len == 0 && must_look_up_mx(decided))
    mtasts_strbuf_put(text, " mx=ask");
  if (verdict == MTASTS_VERDICT_DEFER)
    put_reason(text, decided->why);
  if (verdict == MTASTS_VERDICT_ENFORCE &&
      mtasts_policy_format_mismatch(decided, mx_list, &first)) {
    char words[3072] = "";
    struct mtasts_strbuf reason = MTASTS_STRBUF(words);
    mtasts_policy_format_mismatch_reason(decided, mx_list, &reason);
    mtasts_strbuf_put(text, " mx=mismatch");
    put_reason(text, words);
  }
}
