#include "judge_certificate.h"

#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

enum {
  DAY = 86400, /* seconds */
  ISSUER_MAX = 256,
};

static int64_t lesser(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Certificates made for a few days are no fault: a share of the lifetime counts, too. */
static unsigned faults_of_end(const struct mtasts_seen_certificate *certificate, int64_t now) {
  int64_t lifetime = certificate->not_after - certificate->not_before;
  int64_t left = certificate->not_after - now;
  if (left >= lesser(14 * DAY, lifetime / 6))
    return 0;
  return MTASTS_CERTIFICATE_EXPIRING |
         (left < lesser(3 * DAY, lifetime / 30) ? MTASTS_CERTIFICATE_NEAR_END : 0U);
}

unsigned mtasts_certificate_faults(const struct mtasts_seen_certificate *certificate, int64_t now) {
  unsigned faults = 0;
  if (!certificate->present)
    return MTASTS_CERTIFICATE_UNTRUSTED;
  if (now < certificate->not_before || now > certificate->not_after)
    faults |= MTASTS_CERTIFICATE_EXPIRED;
  if (!certificate->trusted)
    faults |= MTASTS_CERTIFICATE_UNTRUSTED;
  if (!certificate->names_host)
    faults |= MTASTS_CERTIFICATE_NAME;
  if (faults != 0)
    return faults;
  faults = faults_of_end(certificate, now);
  if (certificate->weak_key || certificate->weak_signature)
    faults |= MTASTS_CERTIFICATE_WEAK;
  return faults;
}

static X509 *read_der(struct mtasts_span der) {
  const unsigned char *at = (const unsigned char *)der.data;
  return der.len > 0 && der.len < (1U << 20) ? d2i_X509(NULL, &at, (long)der.len) : NULL;
}

/* The issuer of the last certificate that was sent: its own is the one that is missing. */
static const char *missing_issuer(const struct mtasts_judgement *j,
                                  const struct mtasts_seen_certificate *certificate) {
  char name[ISSUER_MAX] = "";
  X509 *last = certificate->chain_count > 0
                   ? read_der(certificate->chain[certificate->chain_count - 1])
                   : NULL;
  if (last)
    X509_NAME_oneline(X509_get_issuer_name(last), name, sizeof name);
  X509_free(last);
  return mtasts_judge_shown(j, mtasts_span_of(name));
}

bool mtasts_certificate_tlsa(struct mtasts_span der, char out[MTASTS_TLSA_HEX]) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  unsigned char *key = NULL;
  X509 *certificate = read_der(der);
  int len = certificate ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key) : 0;
  if (len > 0) {
    SHA256(key, (size_t)len, digest);
    for (size_t i = 0; i < sizeof digest; i++)
      snprintf(out + 2 * i, 3, "%02x", digest[i]);
  }
  OPENSSL_free(key);
  X509_free(certificate);
  return len > 0;
}

static const char *list_names(const struct mtasts_judgement *j,
                              const struct mtasts_seen_certificate *certificate) {
  const char *list = "";
  size_t count = certificate->name_count;
  for (size_t i = 0; i < count && i < MTASTS_JUDGE_LISTED; i++)
    list = mtasts_judge_text(j, "%s%s\"%s\"", list, i > 0 ? ", " : "",
                             mtasts_judge_shown(j, certificate->names[i]));
  if (count > MTASTS_JUDGE_LISTED)
    list = mtasts_judge_text(j, "%s and %zu more", list, count - MTASTS_JUDGE_LISTED);
  return count > 0 ? list : "no DNS name at all";
}

static struct mtasts_certificate_words expired(const struct mtasts_judgement *j,
                                               const struct mtasts_seen_certificate *certificate,
                                               const char *server) {
  int64_t now = j->options->now;
  bool early = now < certificate->not_before;
  const char *time = mtasts_judge_time(j, early ? certificate->not_before : certificate->not_after);
  if (early)
    return (struct mtasts_certificate_words){
        mtasts_judge_text(j, "The certificate is not valid before %s.", time),
        mtasts_judge_text(j,
                          "Install one that is valid now, and reload the %s. Its first day is "
                          "still %s away.",
                          server, mtasts_judge_period(j, certificate->not_before - now))};
  return (struct mtasts_certificate_words){
      mtasts_judge_text(j, "The certificate expired on %s.", time),
      mtasts_judge_text(j, "Renew it and reload the %s: senders have refused it for %s.", server,
                        mtasts_judge_period(j, now - certificate->not_after))};
}

static struct mtasts_certificate_words untrusted(const struct mtasts_judgement *j,
                                                 const struct mtasts_seen_certificate *certificate,
                                                 const char *host, const char *server) {
  if (!certificate->present)
    return (struct mtasts_certificate_words){
        "The server presents no certificate.",
        mtasts_judge_text(j, "Give the %s a certificate for \"%s\" from a public authority.",
                          server, host)};
  if (certificate->self_signed)
    return (struct mtasts_certificate_words){
        "The certificate is self-signed: senders do not trust it.",
        mtasts_judge_text(j,
                          "Get one for \"%s\" from a public authority (by ACME, it costs "
                          "nothing), and send its full chain.",
                          host)};
  const char *issuer = missing_issuer(j, certificate);
  return (struct mtasts_certificate_words){
      mtasts_judge_text(j, "The certificate has no chain to an authority that senders trust%s.",
                        mtasts_judge_detail(j, certificate->trust_detail)),
      mtasts_judge_text(j,
                        "Let the %s send the full chain (fullchain.pem)%s%s. If that authority "
                        "is a private one, get a certificate from a public one.",
                        server, *issuer ? ": what is missing was issued by, or is, " : "", issuer)};
}

static struct mtasts_certificate_words expiring(const struct mtasts_judgement *j,
                                                const struct mtasts_seen_certificate *certificate,
                                                const char *server) {
  int64_t lifetime = certificate->not_after - certificate->not_before;
  return (struct mtasts_certificate_words){
      mtasts_judge_text(j, "The certificate ends in %s, on %s; it was made for %s.",
                        mtasts_judge_period(j, certificate->not_after - j->options->now),
                        mtasts_judge_time(j, certificate->not_after),
                        mtasts_judge_period(j, lifetime)),
      mtasts_judge_text(j,
                        "Renew it now and reload the %s. Find out why it has not been renewed: "
                        "a timer that does not run, or a server that still has the old one.",
                        server)};
}

struct mtasts_certificate_words
mtasts_certificate_words(const struct mtasts_judgement *j, enum mtasts_certificate_fault fault,
                         const struct mtasts_seen_certificate *certificate, const char *host,
                         const char *server) {
  switch (fault) {
  case MTASTS_CERTIFICATE_EXPIRED:
    return expired(j, certificate, server);
  case MTASTS_CERTIFICATE_UNTRUSTED:
    return untrusted(j, certificate, host, server);
  case MTASTS_CERTIFICATE_NAME:
    return (struct mtasts_certificate_words){
        mtasts_judge_text(j, "No DNS name of the certificate covers %s.", host),
        mtasts_judge_text(j,
                          "It has %s; it needs \"%s\" as a subjectAltName. Get one with that "
                          "name, or let the %s choose the right one by SNI.",
                          list_names(j, certificate), host, server)};
  case MTASTS_CERTIFICATE_EXPIRING:
  case MTASTS_CERTIFICATE_NEAR_END:
    return expiring(j, certificate, server);
  case MTASTS_CERTIFICATE_WEAK:
    break;
  }
  return (struct mtasts_certificate_words){
      mtasts_judge_text(j, "The certificate is weak%s.",
                        mtasts_judge_detail(j, certificate->key_text)),
      "Make a new key (ECDSA P-256, or RSA of 2048 bits) and get a certificate that is signed with "
      "SHA-256."};
}
