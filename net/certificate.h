/*
 * certificate.h: validates a policy host's certificate inside the TLS handshake, and records how
 * far the session gets and how it ends.
 *
 * RFC 8461 section 3.3: valid chain, and a DNS-ID (subjectAltName) of the policy host, wildcards by
 * RFC 6125, never the CN. libcurl's own check falls back to the CN, so OpenSSL decides here.
 */
#ifndef MTASTS_CERTIFICATE_H
#define MTASTS_CERTIFICATE_H

#include <openssl/ssl.h>

#include "mtasts.h"

/* The state of a TLS session. The caller sets the host and zeroes the rest. */
struct mtasts_tls_watch {
  const char *host;
  bool secured;     /* the handshake is complete */
  bool dated;       /* the certificate is refused for its dates, by the clock of this host */
  bool closed;      /* the peer has sent its close_notify: all that it sent has arrived */
  SSL_CTX *context; /* while it is watched */
  char detail[MTASTS_DETAIL_MAX + 1]; /* why the certificate is refused, or "": "certificate of
                                         mta-sts.example.com expired 2021-01-01" */
};

/* Makes handshakes of the context verify their peer as watch->host. Records the first fault, the
 * end of the handshake, and the peer's close_notify. One watch serves one session. Returns false
 * without memory. */
bool mtasts_certificate_watch(SSL_CTX *tls, struct mtasts_tls_watch *watch);

/* Call before the watch is freed: libcurl 8.14 may keep a session for seconds after its transfer
 * has ended, until the peer's close_notify has arrived. */
void mtasts_certificate_unwatch(struct mtasts_tls_watch *watch);

#endif
