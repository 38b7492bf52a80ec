/*
 * judge_certificate.h: the certificate of a policy host or a mail server, judged for both alike:
 * as RFC 8461 section 3.3 and 4.2 want. Part of judge.h.
 */
#ifndef MTASTS_JUDGE_CERTIFICATE_H
#define MTASTS_JUDGE_CERTIFICATE_H

#include "judge_private.h"

enum mtasts_certificate_fault {
  MTASTS_CERTIFICATE_EXPIRED = 1, /* or not yet valid */
  MTASTS_CERTIFICATE_UNTRUSTED = 2,
  MTASTS_CERTIFICATE_NAME = 4,
  /* only if it has none of those above */
  MTASTS_CERTIFICATE_EXPIRING = 8,
  MTASTS_CERTIFICATE_NEAR_END = 16, /* beside EXPIRING */
  MTASTS_CERTIFICATE_WEAK = 32,
};

/* The bits of its faults. */
unsigned mtasts_certificate_faults(const struct mtasts_seen_certificate *certificate, int64_t now);

struct mtasts_certificate_words {
  const char *message, *remedy;
};

/* What to say of one fault. server: "web server" or "mail server", which has to be reloaded. */
struct mtasts_certificate_words
mtasts_certificate_words(const struct mtasts_judgement *j, enum mtasts_certificate_fault fault,
                         const struct mtasts_seen_certificate *certificate, const char *host,
                         const char *server);

enum {
  MTASTS_TLSA_HEX = 65 /* bytes: a SHA-256 in hexadecimal, and a NUL */
};

/* The data of the TLSA record `3 1 1` for a certificate in DER; false if it is none. */
bool mtasts_certificate_tlsa(struct mtasts_span der, char out[MTASTS_TLSA_HEX]);

#endif
