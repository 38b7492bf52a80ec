/*
 * certificate.h: judging a policy host's certificate inside the TLS handshake, and
 * watching how far the session gets and how it ends.
 *
 * RFC 8461 section 3.3: valid chain, and a DNS-ID (subjectAltName) of the policy
 * host, wildcards as RFC 6125 has them, never the CN. libcurl's own check does
 * fall back to the CN, so OpenSSL decides here.
 */
#ifndef MTASTS_CERTIFICATE_H
#define MTASTS_CERTIFICATE_H

#include <openssl/ssl.h>

#include "mtasts.h"

/* What is known of a TLS session; zeroed before use, but for the host. */
struct mtasts_tls_watch {
  const char *host;
  bool secured;     /* the handshake is complete */
  bool dated;       /* it is refused for its dates, by the clock of this host */
  bool closed;      /* the peer has sent its close_notify: nothing that it sent is missing */
  SSL_CTX *context; /* while it is watched */
  char detail[MTASTS_DETAIL_MAX + 1]; /* why the certificate is refused, or "": "certificate of
                                         mta-sts.example.com expired 2021-01-01" */
};

/* Has handshakes of the context verify their peer as watch->host, and write down the first fault,
 * the end of the handshake, and the peer's close_notify. It is of one session. Returns false
 * without memory. */
bool mtasts_certificate_watch(SSL_CTX *tls, struct mtasts_tls_watch *watch);

/* Before the watch is freed: libcurl 8.14 may go on with a session for seconds after its transfer
 * has ended, until the peer's close_notify has come. */
void mtasts_certificate_unwatch(struct mtasts_tls_watch *watch);

#endif
