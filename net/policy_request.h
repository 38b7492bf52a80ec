/*
 * policy_request.h: the GET of a policy (RFC 8461 section 3.3) as a transfer of libcurl: over one
 * connected socket, or by a proxy. No redirect, no cookie, no environment variable, no resolver of
 * libcurl's has an effect. fetch.h and https_probe.h share it.
 *
 * All in the thread of its loop.
 */
#ifndef MTASTS_POLICY_REQUEST_H
#define MTASTS_POLICY_REQUEST_H

#include <openssl/x509_vfy.h>

#include "response.h"

enum {
  MTASTS_HTTPS_PORT = 443,
};

/* The caller zeroes it, and sets response.started and response.tls.host. If it sets
 * response.tls.any_certificate, the handshake admits TLS 1.0, short keys and any certificate. */
struct mtasts_policy_request {
  struct mtasts_response response;
  CURLSH *share; /* holds the table of addresses for this connection only */
  struct curl_slist *pin;
  X509_STORE *trust;
  int socket; /* connected; -1: it is libcurl's, or libcurl makes one to the proxy */
};

struct mtasts_policy_request_options {
  X509_STORE *trust;              /* the request takes a reference */
  int socket;                     /* the request's from now on; -1: by the proxy */
  const struct in6_addr *address; /* of the socket */
  const char *proxy;              /* "": none */
  long timeout;                   /* milliseconds, of all */
  long connect_timeout;           /* milliseconds, until TLS is complete */
  void *item;                     /* CURLOPT_PRIVATE */
};

/* Makes response.easy. Returns false without memory; the caller clears the request in any case. */
bool mtasts_policy_request_set_up(struct mtasts_policy_request *request,
                                  const struct mtasts_policy_request_options *options);

/* Frees all but response.body. The transfer must have been removed from its loop. */
void mtasts_policy_request_clear(struct mtasts_policy_request *request);

#endif
