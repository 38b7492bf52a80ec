/*
 * certificate.h: judging a policy host's certificate inside the TLS handshake.
 *
 * RFC 8461 section 3.3: valid chain, and a DNS-ID (subjectAltName) of the policy
 * host, wildcards as RFC 6125 has them, never the CN. libcurl's own check does
 * fall back to the CN, so OpenSSL decides here.
 */
#ifndef MTASTS_CERTIFICATE_H
#define MTASTS_CERTIFICATE_H

#include <openssl/ssl.h>

#include "mtasts.h"

/* Why a certificate was refused; zeroed before use, and empty while nothing was. */
struct mtasts_certificate_fault {
  const char *host;
  char detail[MTASTS_DETAIL_MAX + 1]; /* "certificate of mta-sts.example.com expired 2021-01-01" */
};

/* Has handshakes of the context verify their peer as fault->host, and write down the first fault.
 * Returns false without memory. */
bool mtasts_certificate_watch(SSL_CTX *tls, struct mtasts_certificate_fault *fault);

#endif
