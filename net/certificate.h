/*
 * certificate.h: validates a policy host's certificate inside the TLS handshake, and records how
 * far the session gets and how it ends. For a check, which judges any certificate afterwards
 * (certificate_facts.h), it only records.
 *
 * RFC 8461 section 3.3: valid chain, and a DNS-ID (subjectAltName) of the policy host, wildcards by
 * RFC 6125, never the CN. libcurl's own check falls back to the CN, so OpenSSL decides here.
 */
#ifndef MTASTS_CERTIFICATE_H
#define MTASTS_CERTIFICATE_H

#include <openssl/ssl.h>

#include "mtasts.h"

/* The state of a TLS session. The caller sets the host and any_certificate, and zeroes the rest. */
struct mtasts_tls_watch {
  const char *host;
  bool any_certificate; /* the handshake completes whatever the certificate is worth */
  bool too_old;         /* an alert of either side said that the versions do not match */
  int alert;            /* the fatal alert that the peer has sent; 0: none */
  bool secured;         /* the handshake is complete */
  bool dated;           /* the certificate is refused for its dates, by the clock of this host */
  bool closed;          /* the peer has sent its close_notify: all that it sent has arrived */
  SSL_CTX *context;     /* while it is watched */
  char detail[MTASTS_DETAIL_MAX + 1]; /* why the certificate is refused, or "": "certificate of
                                         mta-sts.example.com expired 2021-01-01" */
};

/* Makes handshakes of the context verify their peer as watch->host. Records the first fault, the
 * end of the handshake, and the peer's close_notify. One watch serves one session. Returns false
 * without memory. */
bool mtasts_certificate_watch(SSL_CTX *tls, struct mtasts_tls_watch *watch);

/* Does a DNS-ID of the certificate cover the host? The rule of every handshake above, of policy
 * hosts and of MX hosts (RFC 8461 sections 3.3 and 4.2). */
bool mtasts_certificate_names(X509 *certificate, const char *host);

/* Writes the common name, or the organization, of who has signed it: printable. */
void mtasts_certificate_issuer(const X509 *certificate, char *out, size_t size);

/* Call before the watch is freed: libcurl 8.14 may keep a session for seconds after its transfer
 * has ended, until the peer's close_notify has arrived. */
void mtasts_certificate_unwatch(struct mtasts_tls_watch *watch);

#endif
