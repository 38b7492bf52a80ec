/*
 * certificate_facts.h: what a server's certificate is, whatever it is worth: trust, dates, names
 * and strength, each apart from the others. For a check; deliveries and fetches use certificate.h,
 * with the same rule for names.
 */
#ifndef MTASTS_CERTIFICATE_FACTS_H
#define MTASTS_CERTIFICATE_FACTS_H

#include <openssl/ssl.h>

#include "arena.h"
#include "observation.h"

struct mtasts_certificate_context {
  X509_STORE *trust;
  const char *host; /* that the certificate should name */
  int64_t now;      /* seconds since the epoch */
  int level;        /* OpenSSL's security level: a chain with weaker keys or signatures is not
                       trusted. 0: any */
  struct mtasts_arena *arena;
};

/*
 * Describes what the peer of a completed handshake has presented. Its own dates do not count for
 * its trust, but those of its issuers do: a sender refuses an expired issuer, too.
 */
void mtasts_certificate_facts(const SSL *tls, const struct mtasts_certificate_context *context,
                              struct mtasts_seen_certificate *seen);

/* Would a sender accept it: trusted, in time, and for the host? */
bool mtasts_certificate_is_good(const struct mtasts_seen_certificate *seen, int64_t now);

#endif
