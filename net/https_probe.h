/*
 * https_probe.h: asks one address of a policy host for the policy, as fetch.h would, and says how
 * far that came: one connection, one GET, on a libevent loop.
 *
 * The handshake admits TLS 1.0, any key and any certificate, which is described and judged by
 * others. A server with a certificate that no sender accepts, or with nothing from TLS 1.2 up, is
 * not asked for a policy. Whether senders accept an answer is decided by the same functions as in a
 * fetch (response.h).
 *
 * A proxy looks the policy host up itself.
 *
 * Callbacks come from the loop, never from inside a call. All in one thread. The whole process
 * ignores SIGPIPE from mtasts_https_prober_new on.
 */
#ifndef MTASTS_HTTPS_PROBE_H
#define MTASTS_HTTPS_PROBE_H

#include <openssl/x509_vfy.h>

#include "arena.h"
#include "error_text.h"
#include "observation.h"

struct event_base;
struct mtasts_https_prober;
struct mtasts_https_probe;

struct mtasts_https_prober_options {
  X509_STORE *trust;  /* outlives the prober */
  uint32_t timeout;   /* milliseconds, from connect to the last byte; half of it for connecting */
  bool allow_private; /* else an address that is not globally routable is not connected to */
  const char *proxy;  /* "": none; outlives the prober */
  int64_t now;        /* seconds since the epoch: for dates of certificates */
  struct mtasts_arena *arena; /* for all that the results point to */
};

/* error: see error_text.h. MTASTS_NO_MEMORY, MTASTS_IO */
enum mtasts_status mtasts_https_prober_new(struct event_base *base,
                                           const struct mtasts_https_prober_options *options,
                                           char error[MTASTS_ERROR_TEXT],
                                           struct mtasts_https_prober **prober);

/* All probes must have ended. NULL is fine. */
void mtasts_https_prober_free(struct mtasts_https_prober *prober);

typedef void mtasts_https_probe_fn(void *context, const struct mtasts_seen_https *seen);

/* Starts. address: NULL by the proxy. host: a name as mtasts_domain_parse gives it; it must live
 * until the callback. MTASTS_NO_MEMORY */
enum mtasts_status mtasts_https_probe_start(struct mtasts_https_prober *prober, const char *host,
                                            const struct in6_addr *address,
                                            mtasts_https_probe_fn *done, void *context,
                                            struct mtasts_https_probe **probe);

/* Closes the connection, without a callback. NULL is fine; not to be called after the callback. */
void mtasts_https_probe_cancel(struct mtasts_https_probe *probe);

#endif
