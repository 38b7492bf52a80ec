#include "mx_alias.h"

#include "cert_names.h"
#include "mx_mismatch.h"
#include "policy_format.h"
#include "span.h"

static struct mtasts_span span_of(const struct mtasts_domain *name) {
  return (struct mtasts_span){name->name, name->len};
}

static bool is_same(const struct mtasts_domain *a, const struct mtasts_domain *b) {
  return mtasts_span_equal(span_of(a), span_of(b));
}

/* An address, or any other text that is no host name, has no alias. */
static void add(const struct mtasts_domain_decision *decided, struct mtasts_span text,
                struct mtasts_aliases *aliases) {
  struct mtasts_domain mx;
  if (aliases->count == MTASTS_ALIASES_MAX || mtasts_domain_parse(text, &mx) != MTASTS_OK)
    return;
  for (size_t i = 0; i < aliases->count; i++)
    if (is_same(&aliases->at[i].mx, &mx))
      return;
  bool listed = mtasts_decision_lists(&decided->decision, span_of(&mx));
  aliases->at[aliases->count++] = (struct mtasts_alias){mx, mx, listed};
}

/* Takes the MX hosts that mtastsd knows if they are not out of date, or if the DNS does not answer.
 */
static void find_names(const struct mtasts_domain_decision *decided,
                       const struct mtasts_alias_dns *dns, struct mtasts_aliases *aliases) {
  const struct mtasts_entry *entry = &decided->entry_reply.entry;
  struct mtasts_span answer = {"", 0};
  struct mtasts_span name;
  struct mtasts_mx_host mx;
  bool fresh = entry->mx.count > 0 && decided->now < entry->mx_expires;
  if (!fresh && !dns->ask(dns->context, "mxh", &decided->domain, &answer))
    aliases->unsure = true;
  while (mtasts_colon_list_next(&answer, &name))
    add(decided, name, aliases);
  if (aliases->count == 0)
    for (size_t cursor = 0; mtasts_mx_next(&entry->mx, &cursor, &mx);)
      add(decided, mx.host, aliases);
  add(decided, span_of(&decided->domain), aliases);
}

/* False: the DNS does not answer. A chain that is too long leads nowhere. */
static bool follow(struct mtasts_alias *alias, const struct mtasts_alias_dns *dns) {
  for (unsigned step = 0; step < MTASTS_ALIAS_STEPS; step++) {
    struct mtasts_span answer;
    struct mtasts_span name;
    struct mtasts_domain next;
    if (!dns->ask(dns->context, "cname", &alias->host, &answer))
      return false;
    if (!mtasts_colon_list_next(&answer, &name) || mtasts_domain_parse(name, &next) != MTASTS_OK)
      return true;
    alias->host = next;
  }
  return true;
}

void mtasts_aliases_find(const struct mtasts_domain_decision *decided,
                         const struct mtasts_alias_dns *dns, struct mtasts_aliases *aliases) {
  bool enforce = mtasts_domain_decision_verdict(decided) == MTASTS_VERDICT_ENFORCE;
  aliases->count = 0;
  aliases->unsure = false;
  find_names(decided, dns, aliases);
  for (size_t i = 0; i < aliases->count; i++)
    if ((aliases->at[i].listed || !enforce) && !follow(&aliases->at[i], dns)) {
      aliases->unsure = true; /* end: only one unanswered name is waited for, not each */
      return;
    }
}

static const struct mtasts_domain *best(const struct mtasts_aliases *aliases,
                                        const struct mtasts_domain *host,
                                        struct mtasts_span names) {
  const struct mtasts_domain *found = NULL;
  unsigned max = 0;
  for (size_t i = 0; i < aliases->count; i++) {
    const struct mtasts_alias *alias = &aliases->at[i];
    unsigned rank = 1 + 2 * (unsigned)alias->listed +
                    (unsigned)mtasts_cert_names_cover(names, span_of(&alias->mx));
    bool leads = host ? is_same(&alias->host, host) : !is_same(&alias->host, &alias->mx);
    if (leads && rank > max) {
      found = &alias->mx;
      max = rank;
    }
  }
  return found;
}

/* The target of an alias may have changed since Exim's look-up; some change with each answer. So if
 * no alias leads to this host now, the best of all aliases is taken. */
const struct mtasts_domain *mtasts_aliases_name(const struct mtasts_aliases *aliases,
                                                const struct mtasts_domain *host,
                                                struct mtasts_span names) {
  const struct mtasts_domain *name = best(aliases, host, names);
  return name ? name : best(aliases, NULL, names);
}

const struct mtasts_domain *mtasts_aliases_other(const struct mtasts_aliases *aliases,
                                                 const struct mtasts_domain *host,
                                                 const struct mtasts_domain *name) {
  for (size_t i = 0; i < aliases->count; i++) {
    const struct mtasts_alias *alias = &aliases->at[i];
    if (alias->listed && is_same(&alias->host, host) && !is_same(&alias->mx, name))
      return &alias->mx;
  }
  return NULL;
}

static bool is_unlisted_mx(const struct mtasts_aliases *aliases, const struct mtasts_domain *host) {
  for (size_t i = 0; i < aliases->count; i++)
    if (!aliases->at[i].listed && is_same(&aliases->at[i].mx, host))
      return true;
  return false;
}

void mtasts_aliases_unlisted(const struct mtasts_aliases *aliases, struct mtasts_strbuf *text) {
  mtasts_strbuf_put(text, "<; ");
  for (size_t i = 0; i < aliases->count; i++) {
    const struct mtasts_alias *alias = &aliases->at[i];
    if (alias->listed && !is_same(&alias->host, &alias->mx) &&
        !is_unlisted_mx(aliases, &alias->host))
      mtasts_policy_format_keep(text, span_of(&alias->host));
  }
  mtasts_strbuf_put(text, "*");
}
