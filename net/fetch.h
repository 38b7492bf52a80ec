/*
 * fetch.h: fetching a policy by HTTPS (RFC 8461 section 3.3) on a libevent loop, by libcurl's
 * multi-socket interface.
 *
 * TLS 1.2 or better; the certificate must be valid for the policy host by its SAN (DNS-ID, RFC 6125
 * wildcards, never the CN); status 200, text/plain, no redirect, no content coding, at most
 * MTASTS_POLICY_MAX bytes as received; only to the addresses given, and of those only to globally
 * routable ones unless allow_private (connect.h). A truncated policy is an error, whatever its
 * framing: a body without a length must end with TLS's close_notify (response.h).
 *
 * If an address cannot be connected to, fails in the TLS handshake or does not finish it within
 * half a second, the next address is tried in parallel. The first answer counts. Each connection
 * has a TLS session and a table of addresses of its own.
 *
 * A CA bundle that was replaced is loaded automatically, and a bad one never replaces a good one
 * (ca_bundle.h).
 *
 * Environment variables have no effect. From mtasts_fetcher_new on, the whole process ignores
 * SIGPIPE: OpenSSL writes to sockets that may be closed.
 */
#ifndef MTASTS_FETCH_H
#define MTASTS_FETCH_H

#include <netinet/in.h>

#include "connect.h"
#include "error_text.h"
#include "fetch_answer.h"

struct event_base;
struct mtasts_fetcher;
struct mtasts_fetch;

/* The CA bundle has changed; the sentence says how. broken: the file cannot be used now. */
typedef void mtasts_fetcher_changed_fn(void *context, bool broken, const char *sentence);

struct mtasts_fetcher_options {
  const char *ca_file;                /* PEM bundle; NULL or "": the system's */
  mtasts_fetcher_changed_fn *changed; /* may be NULL */
  void *news_context;
  uint32_t timeout; /* seconds, from connect to the last byte; at least 1 */
  bool allow_private;
  const char *proxy; /* http://…; NULL or "": none. A proxy looks the policy host up itself:
                        addresses are then ignored */
};

/* An IPv4 address is stored mapped (::ffff:a.b.c.d). */
struct mtasts_addresses {
  const struct in6_addr *items;
  size_t count;
};

typedef void mtasts_fetch_fn(void *context, const struct mtasts_fetch_answer *answer);

/* The known addresses answer slowly or not at all: the callee should look for others. Called at
 * most once. The fetch then waits for the last mtasts_fetch_add, until its timeout. */
typedef void mtasts_fetch_more_fn(void *context);

/*
 * error: see error_text.h.
 *   MTASTS_NO_FILE, MTASTS_PERMISSION  the bundle cannot be read
 *   MTASTS_INVALID                     the bundle holds no certificate
 *   MTASTS_NO_MEMORY, MTASTS_IO
 */
enum mtasts_status mtasts_fetcher_new(struct event_base *base,
                                      const struct mtasts_fetcher_options *options,
                                      char error[MTASTS_ERROR_TEXT],
                                      struct mtasts_fetcher **fetcher);

/* Cancels what is in flight without calling back. Not to be called from a callback. */
void mtasts_fetcher_free(struct mtasts_fetcher *fetcher);

/* Loads a replaced CA bundle at once, without waiting for the automatic check (ca_bundle.h). */
void mtasts_fetcher_renew(struct mtasts_fetcher *fetcher);

/* Must the caller look up addresses before a fetch? Not if a proxy does that. */
bool mtasts_fetcher_needs_addresses(const struct mtasts_fetcher *fetcher);

struct mtasts_fetch_options {
  const char *host;                         /* a name as mtasts_domain_parse gives it */
  const struct mtasts_addresses *addresses; /* copied */
  mtasts_fetch_fn *done;
  mtasts_fetch_more_fn *more; /* NULL: there are no others */
  void *context;              /* of both */
};

/*
 * Fetches https://host/.well-known/mta-sts.txt. `done` is called exactly once, from the loop,
 * unless the fetch is cancelled first. Without any usable address the answer is an error.
 * Connecting may take half of the timeout.
 *   MTASTS_INVALID    the host is longer than a name can be
 *   MTASTS_NO_MEMORY
 */
enum mtasts_status mtasts_fetcher_start(struct mtasts_fetcher *fetcher,
                                        const struct mtasts_fetch_options *options,
                                        struct mtasts_fetch **fetch);

/* Adds addresses to a fetch that was started with `more`. last: no others will follow. */
void mtasts_fetch_add(struct mtasts_fetch *fetch, const struct mtasts_addresses *addresses,
                      bool last);

/* Is it without an answer until now by a fault of this host's: want of descriptors, or a proxy that
 * does not let it reach the policy host? */
bool mtasts_fetch_is_local(const struct mtasts_fetch *fetch);

void mtasts_fetch_cancel(struct mtasts_fetch *fetch);

#endif
