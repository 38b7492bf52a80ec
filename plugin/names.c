#include "names.h"

#include "words.h"

enum {
  NAMES_SHOWN = 8,
};

/* A DNS-ID with a wildcard and an mx pattern have the same form and match alike: RFC 6125 section
 * 6.4.3, RFC 8461 section 4.1. */
bool mtasts_names_cover(struct mtasts_span names, struct mtasts_span host) {
  struct mtasts_span name;
  while (mtasts_words_next(&names, &name)) {
    char packed[1 + MTASTS_DOMAIN_MAX];
    size_t len = mtasts_mx_pattern(name, packed + 1);
    packed[0] = (char)len;
    struct mtasts_names one = {(const unsigned char *)packed, 1 + len, 1};
    if (len > 0 && mtasts_mx_match(&one, host).data)
      return true;
  }
  return false;
}

static void put_names(struct mtasts_text *text, struct mtasts_span names) {
  struct mtasts_span name;
  size_t count = 0;
  while (mtasts_words_next(&names, &name))
    if (count++ < NAMES_SHOWN) {
      mtasts_text_put(text, count > 1 ? ", " : " but for ");
      mtasts_text_host(text, name);
    }
  if (count == 0)
    mtasts_text_put(text, " nor for any other: it has no DNS name in its subjectAltName");
  else if (count > NAMES_SHOWN)
    mtasts_text_put(text, " and others");
}

static void put_remedy(struct mtasts_text *text, const struct mtasts_known *known) {
  mtasts_text_put(text, "; policy id ");
  mtasts_text_put(text, known->ruling.entry.policy_id);
  mtasts_text_put(text, "; if the domain has a new policy: mtasts query --refresh ");
  mtasts_text_put(text, known->domain.name);
}

void mtasts_names_judge(const struct mtasts_known *known, struct mtasts_span names,
                        struct mtasts_span host, struct mtasts_text *reason) {
  /* Whoever asks has routed this mail under an enforce policy: what it said cannot be left
   * aside because nobody can tell it any more. */
  bool lost = known->decision.verdict == MTASTS_VERDICT_UNKNOWN && !known->ruling.monitor;
  enum mtasts_verdict verdict = mtasts_known_verdict(known);
  if (lost || verdict == MTASTS_VERDICT_DEFER) {
    mtasts_text_put(reason, known->why);
    return;
  }
  /* GnuTLS shows the certificate before DANE judges it, and DANE asks for no name (RFC 7672
   * section 3.1.1). */
  if (verdict != MTASTS_VERDICT_ENFORCE || mtasts_names_cover(names, host) ||
      mtasts_known_dane(known, host) == MTASTS_DANE_USABLE)
    return;
  mtasts_text_put(reason, "MTA-STS: the certificate of ");
  mtasts_text_host(reason, host);
  mtasts_text_put(reason, " is not for that name (RFC 8461 section 4.2)");
  put_names(reason, names);
  put_remedy(reason, known);
}

void mtasts_names_unsure(const struct mtasts_known *known, struct mtasts_span host,
                         struct mtasts_text *reason) {
  if (mtasts_known_verdict(known) != MTASTS_VERDICT_ENFORCE)
    return;
  mtasts_text_put(reason, "MTA-STS: the DNS does not say which MX host of ");
  mtasts_text_put(reason, known->domain.name);
  mtasts_text_put(reason, " is an alias of ");
  mtasts_text_host(reason, host);
  mtasts_text_put(reason, ", so no name can be asked of its certificate (RFC 8461 section 4.2)");
}
