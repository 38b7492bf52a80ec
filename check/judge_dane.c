#include "judge_dane.h"

#include "dane.h"
#include "judge_certificate.h"
#include "tlsa_match.h"

enum {
  USAGE_DANE_EE = 3,
};

static bool is_secure(const struct mtasts_judgement *j, const struct mtasts_seen_tlsa *tlsa) {
  return j->seen->validates && tlsa->answer.asked && tlsa->answer.outcome == MTASTS_DNS_ANSWER &&
         tlsa->answer.security == MTASTS_SECURITY_SECURE && tlsa->count > 0;
}

static struct mtasts_span tlsa_base(struct mtasts_span name) {
  const struct mtasts_span prefix = MTASTS_SPAN("_25._tcp.");
  if (!mtasts_span_starts(name, prefix))
    return name;
  return (struct mtasts_span){name.data + prefix.len, name.len - prefix.len};
}

static enum mtasts_status match(const struct mtasts_judgement *j, const struct mtasts_seen_mx *mx,
                                const struct mtasts_seen_mail_server *server,
                                const struct mtasts_span *records, size_t count) {
  struct mtasts_span names[] = {
      tlsa_base(mx->tlsa.name),
      mx->host,
      {j->seen->domain.name, j->seen->domain.len},
  };
  bool named = mx->tlsa.name.data != NULL;
  return mtasts_tlsa_match(&(struct mtasts_tlsa_question){
      .records = records,
      .record_count = count,
      .chain = server->certificate.chain,
      .chain_count = server->certificate.chain_count,
      .names = names + !named,
      .name_count = sizeof names / sizeof *names - !named,
      .now = j->options->now,
  });
}

unsigned mtasts_judge_dane_forgives(const struct mtasts_judgement *j,
                                    const struct mtasts_seen_mx *mx,
                                    const struct mtasts_seen_mail_server *server) {
  const struct mtasts_seen_tlsa *tlsa = &mx->tlsa;
  if (!is_secure(j, tlsa) || match(j, mx, server, tlsa->records, tlsa->count) != MTASTS_OK)
    return 0;
  for (size_t i = 0; i < tlsa->count; i++)
    if (tlsa->records[i].len > 0 && tlsa->records[i].data[0] == USAGE_DANE_EE &&
        match(j, mx, server, &tlsa->records[i], 1) == MTASTS_OK)
      return MTASTS_CERTIFICATE_EXPIRED | MTASTS_CERTIFICATE_UNTRUSTED | MTASTS_CERTIFICATE_NAME |
             MTASTS_CERTIFICATE_EXPIRING | MTASTS_CERTIFICATE_NEAR_END;
  return MTASTS_CERTIFICATE_UNTRUSTED;
}

static bool is_usable(const struct mtasts_seen_tlsa *tlsa) {
  for (size_t i = 0; i < tlsa->count; i++)
    if (mtasts_tlsa_usable((const unsigned char *)tlsa->records[i].data, tlsa->records[i].len))
      return true;
  return false;
}

static const char *name_of(const struct mtasts_judgement *j, const struct mtasts_seen_mx *mx) {
  if (mx->tlsa.name.len > 0)
    return mtasts_judge_shown(j, mx->tlsa.name);
  return mtasts_judge_text(j, "_25._tcp.%s", mtasts_judge_shown(j, mx->host));
}

/* The record `3 1 1` for the key that the host presents now. */
static const char *record_line(const struct mtasts_judgement *j, const struct mtasts_seen_mx *mx,
                               const struct mtasts_seen_mail_server *server) {
  char data[MTASTS_TLSA_HEX];
  for (size_t i = 0; !server && i < mx->server_count; i++)
    if (mx->servers[i].certificate.chain_count > 0)
      server = &mx->servers[i];
  if (!server || server->certificate.chain_count == 0 ||
      !mtasts_certificate_tlsa(server->certificate.chain[0], data))
    return mtasts_judge_text(j, "%s. IN TLSA 3 1 1 SHA256-OF-THE-PUBLIC-KEY", name_of(j, mx));
  return mtasts_judge_text(j, "%s. IN TLSA 3 1 1 %s", name_of(j, mx), data);
}

/* The host is an alias whose target has the records, and the certificate is for the alias. The
 * server may have chosen it by the name in SNI: a sender that uses DANE asks for the target (RFC
 * 7672 section 8.1), and may see another. */
static bool may_differ(const struct mtasts_seen_mx *mx,
                       const struct mtasts_seen_mail_server *server) {
  return server->certificate.names_host && mx->tlsa.name.data &&
         !mtasts_span_equal_nocase(tlsa_base(mx->tlsa.name), mx->host);
}

static void judge_match(const struct mtasts_judgement *j, const struct mtasts_seen_mx *mx) {
  const struct mtasts_seen_mail_server *first = NULL;
  const char *list = "";
  for (size_t i = 0; i < mx->server_count; i++) {
    const struct mtasts_seen_mail_server *server = &mx->servers[i];
    if (server->tls != MTASTS_TLS_DONE || !server->certificate.present || may_differ(mx, server) ||
        match(j, mx, server, mx->tlsa.records, mx->tlsa.count) != MTASTS_INVALID)
      continue;
    list = mtasts_judge_text(j, "%s%s%s", list, first ? ", " : "",
                             mtasts_judge_address(j, &server->address));
    if (!first)
      first = server;
  }
  if (first)
    mtasts_judge_add(
        j, MTASTS_FOUND_DANE_MISMATCH, MTASTS_SEVERITY_ERROR, name_of(j, mx),
        mtasts_judge_text(j,
                          "No TLSA record matches what %s presents at %s: senders that use DANE "
                          "defer mail.",
                          mtasts_judge_shown(j, mx->host), list),
        mtasts_judge_text(j,
                          "Publish the record for the present key:\n%s\nBefore the next change of "
                          "the key, publish the record for the new one first and wait for its TTL.",
                          record_line(j, mx, first)));
}

static void judge_bogus(const struct mtasts_judgement *j, const char *name, const char *type,
                        const struct mtasts_seen_answer *answer) {
  if (mtasts_judge_bogus(answer))
    mtasts_judge_add(
        j, MTASTS_FOUND_DANE_BOGUS, MTASTS_SEVERITY_ERROR, name,
        mtasts_judge_text(j,
                          "DNSSEC validation of the %s answer fails%s: senders that validate "
                          "defer mail.",
                          type, mtasts_judge_detail(j, answer->detail)),
        "Repair the signatures of the zone: sign it again, and see that the DS record in the "
        "parent zone belongs to a key in use.");
}

static void judge_host(const struct mtasts_judgement *j, const struct mtasts_seen_mx *mx) {
  const struct mtasts_seen_tlsa *tlsa = &mx->tlsa;
  const char *host = mtasts_judge_shown(j, mx->host);
  const struct mtasts_seen_answer *a = &mx->addresses.a;
  judge_bogus(j, host, "address", mtasts_judge_bogus(a) ? a : &mx->addresses.aaaa);
  judge_bogus(j, name_of(j, mx), "TLSA", &tlsa->answer);
  if (!tlsa->answer.asked || tlsa->answer.outcome != MTASTS_DNS_ANSWER || tlsa->count == 0)
    return;
  if (tlsa->answer.security == MTASTS_SECURITY_INSECURE)
    mtasts_judge_add(j, MTASTS_FOUND_DANE_INSECURE, MTASTS_SEVERITY_WARNING, name_of(j, mx),
                     "There are TLSA records, but the zone is not signed: they have no effect.",
                     "Sign the zone with DNSSEC, or remove the TLSA records.");
  if (!is_secure(j, tlsa))
    return;
  if (is_usable(tlsa)) {
    if (j->seen->smtp)
      judge_match(j, mx);
    return;
  }
  mtasts_judge_add(
      j, MTASTS_FOUND_DANE_UNUSABLE, MTASTS_SEVERITY_WARNING, name_of(j, mx),
      "No TLSA record is of a kind that senders use (usage 2 or 3, known selector and type).",
      mtasts_judge_text(j, "Publish one of the kind 3 1 1, as this for the present key:\n%s",
                        record_line(j, mx, NULL)));
}

void mtasts_judge_dane(const struct mtasts_judgement *j) {
  const struct mtasts_observation *seen = j->seen;
  if (!seen->validates)
    return;
  judge_bogus(j, j->domain, "MX", &seen->mx_answer);
  if (mtasts_judge_bogus(&seen->mx_answer))
    return;
  for (size_t i = 0; i < seen->mx_count; i++)
    if (!seen->mx[i].is_address && mtasts_judge_is_first(seen, i))
      judge_host(j, &seen->mx[i]);
}
