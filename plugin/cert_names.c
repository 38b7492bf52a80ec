#include "cert_names.h"

#include "policy_format.h"

enum {
  NAMES_SHOWN = 8,
};

/* A DNS-ID with a wildcard and an mx pattern have the same form and match alike: RFC 6125 section
 * 6.4.3, RFC 8461 section 4.1. */
bool mtasts_cert_names_cover(struct mtasts_span names, struct mtasts_span host) {
  struct mtasts_span name;
  while (mtasts_colon_list_next(&names, &name)) {
    char packed[1 + MTASTS_DOMAIN_MAX];
    size_t len = mtasts_mx_pattern(name, packed + 1);
    packed[0] = (char)len;
    struct mtasts_names one = {(const unsigned char *)packed, 1 + len, 1};
    if (len > 0 && mtasts_mx_match(&one, host).data)
      return true;
  }
  return false;
}

static void put_names(struct mtasts_strbuf *text, struct mtasts_span names) {
  struct mtasts_span name;
  size_t count = 0;
  while (mtasts_colon_list_next(&names, &name))
    if (count++ < NAMES_SHOWN) {
      mtasts_strbuf_put(text, count > 1 ? ", " : " but for ");
      mtasts_strbuf_host(text, name);
    }
  if (count == 0)
    mtasts_strbuf_put(text, " nor for any other: it has no DNS name in its subjectAltName");
  else if (count > NAMES_SHOWN)
    mtasts_strbuf_put(text, " and others");
}

static void put_remedy(struct mtasts_strbuf *text, const struct mtasts_domain_decision *decided) {
  mtasts_strbuf_put(text, "; policy id ");
  mtasts_strbuf_put(text, decided->entry_reply.entry.policy_id);
  mtasts_strbuf_put(text, "; if the domain has a new policy: mtasts query --refresh ");
  mtasts_strbuf_put(text, decided->domain.name);
}

void mtasts_cert_names_check(const struct mtasts_domain_decision *decided, struct mtasts_span names,
                             struct mtasts_span host, struct mtasts_strbuf *reason) {
  /* The caller has routed this mail under an enforce policy. If that policy can no longer be read,
   * delivery is refused: the policy may not be ignored. */
  bool lost = decided->decision.verdict == MTASTS_VERDICT_UNKNOWN && !decided->entry_reply.monitor;
  enum mtasts_verdict verdict = mtasts_domain_decision_verdict(decided);
  if (lost || verdict == MTASTS_VERDICT_DEFER) {
    mtasts_strbuf_put(reason, decided->why);
    return;
  }
  /* GnuTLS shows the certificate before DANE is checked, and DANE requires no name in it (RFC 7672
   * section 3.1.1). */
  if (verdict != MTASTS_VERDICT_ENFORCE || mtasts_cert_names_cover(names, host) ||
      mtasts_domain_decision_dane(decided, host) == MTASTS_DANE_USABLE)
    return;
  mtasts_strbuf_put(reason, "MTA-STS: the certificate of ");
  mtasts_strbuf_host(reason, host);
  mtasts_strbuf_put(reason, " is not for that name (RFC 8461 section 4.2)");
  put_names(reason, names);
  put_remedy(reason, decided);
}

void mtasts_cert_names_unsure(const struct mtasts_domain_decision *decided, struct mtasts_span host,
                              struct mtasts_strbuf *reason) {
  if (mtasts_domain_decision_verdict(decided) != MTASTS_VERDICT_ENFORCE)
    return;
  mtasts_strbuf_put(reason, "MTA-STS: the DNS does not say which MX host of ");
  mtasts_strbuf_put(reason, decided->domain.name);
  mtasts_strbuf_put(reason, " is an alias of ");
  mtasts_strbuf_host(reason, host);
  mtasts_strbuf_put(reason, ", so no name can be asked of its certificate (RFC 8461 section 4.2)");
}
