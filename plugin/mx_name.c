#include "mx_name.h"

#include "cert_names.h"
#include "clock.h"
#include "exim_api.h"
#include "mx_mismatch.h"
#include "span.h"

enum {
  KEPT = 60,    /* seconds that the names are kept */
  TIMEOUT = 10, /* seconds for all names of a domain: Exim waits for them */
};

static struct {
  struct mtasts_domain domain;
  int64_t until;
  struct mtasts_aliases aliases;
} kept;

/* context: the end of the time, by mtasts_clock_seconds(). After it the DNS is not asked, and the
 * answer is false. */
static bool ask(void *context, const char *type, const struct mtasts_domain *name,
                struct mtasts_span *answer) {
  const int64_t *end = context;
  return mtasts_clock_seconds() < *end &&
         mtasts_exim_api_lookup(type, (struct mtasts_span){name->name, name->len}, answer);
}

static const struct mtasts_aliases *aliases_of(const struct mtasts_domain_decision *decided) {
  int64_t now = mtasts_clock_seconds();
  int64_t end = now + TIMEOUT;
  const struct mtasts_alias_dns dns = {&end, ask};
  if (now >= kept.until || kept.domain.len != decided->domain.len ||
      memcmp(kept.domain.name, decided->domain.name, decided->domain.len) != 0) {
    kept.domain = decided->domain;
    mtasts_aliases_find(decided, &dns, &kept.aliases);
    kept.until = mtasts_clock_seconds() + KEPT;
  }
  return &kept.aliases;
}

/* mtastsd's list may be of any age. If a name on it has become the end of an alias since, its
 * certificate shows that. */
static bool is_mx(const struct mtasts_domain_decision *decided, const struct mtasts_domain *host) {
  struct mtasts_mx_host mx;
  for (size_t cursor = 0; mtasts_mx_next(&decided->entry_reply.entry.mx, &cursor, &mx);)
    if (mtasts_span_equal(mx.host, (struct mtasts_span){host->name, host->len}))
      return true;
  return false;
}

bool mtasts_mx_name(const struct mtasts_domain_decision *decided, struct mtasts_span host,
                    struct mtasts_span names, struct mtasts_span *mx) {
  struct mtasts_domain name;
  *mx = host;
  if (decided->domain.len == 0 || mtasts_domain_parse(host, &name) != MTASTS_OK)
    return true;
  if (is_mx(decided, &name) && mtasts_decision_lists(&decided->decision, host) &&
      (names.len == 0 || mtasts_cert_names_cover(names, host)))
    return true;
  const struct mtasts_aliases *aliases = aliases_of(decided);
  const struct mtasts_domain *found = mtasts_aliases_name(aliases, &name, names);
  if (found)
    *mx = (struct mtasts_span){found->name, found->len};
  return found || !aliases->unsure || mtasts_decision_lists(&decided->decision, host);
}

bool mtasts_mx_other(const struct mtasts_domain_decision *decided, struct mtasts_span host,
                     struct mtasts_span *mx) {
  struct mtasts_domain end;
  struct mtasts_domain name;
  if (mtasts_domain_parse(host, &end) != MTASTS_OK || mtasts_domain_parse(*mx, &name) != MTASTS_OK)
    return false;
  const struct mtasts_domain *other = mtasts_aliases_other(aliases_of(decided), &end, &name);
  if (other)
    *mx = (struct mtasts_span){other->name, other->len};
  return other != NULL;
}

void mtasts_mx_unlisted(const struct mtasts_domain_decision *decided, struct mtasts_strbuf *text) {
  if (mtasts_domain_decision_verdict(decided) == MTASTS_VERDICT_ENFORCE)
    mtasts_aliases_unlisted(aliases_of(decided), text);
  else
    mtasts_strbuf_put(text, "*");
}
