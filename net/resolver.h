/*
 * resolver.h: DNS look-ups on a libevent loop, by libunbound's event interface
 * (no thread, no fork). Answers arrive in callbacks from the loop, never from
 * inside mtasts_resolver_ask.
 *
 * Every look-up asks a server: nothing is cached here, neither answers nor
 * failures, nor how servers behaved, so one domain's dead name servers never
 * count against another's. A resolver with a trust anchor validates what it is
 * told (DNSSEC, RFC 4035), whatever the servers think of it, and remembers the
 * keys of zones: a key that failed for a minute. Without one nothing is validated.
 * The server that answered last is asked first; the next one is asked too when
 * it fails, or is silent for a second. A server that stays silent is asked again until the
 * look-up's time is over, whatever patience libunbound has with it; a server that answers with a
 * failure (SERVFAIL, REFUSED …) is not.
 *
 * Silence may be that of the domain's name servers, which a resolver waits for, or of the resolver.
 * So the root is asked for beside a look-up that has no answer within a second, unless anything
 * has been heard since it began: what every resolver knows tells which of the two it is.
 *
 * The servers are those of the moment at which the resolver was made. For others, make another.
 *
 * SIGPIPE is ignored from then on in the whole process, and libunbound's log
 * goes nowhere: both are process-wide.
 */
#ifndef MTASTS_RESOLVER_H
#define MTASTS_RESOLVER_H

#include "discover.h"
#include "dns_message.h"
#include "dns_server_list.h"
#include "error_text.h"

struct event_base;
struct mtasts_resolver;
struct mtasts_dns_query;

struct mtasts_resolver_options {
  const char *const *servers; /* ADDR or ADDR@PORT */
  size_t server_count;        /* 0: resolv.conf */
  uint32_t timeout;           /* seconds for one look-up, retries included; at least 1 */
  /* A file of DS or DNSKEY records in zone format, or one that is kept by RFC 5011 (never written
   * here; keys that it does not trust, or no more, do not count). NULL: nothing is validated. */
  const char *trust_anchor;
  /* Zones that are not validated though their parent is signed (domain names; without an anchor
   * they count for nothing), beside the private ones that everybody has: insecure_zones.h. */
  const char *const *insecure;
  size_t insecure_count;
  unsigned resolvers; /* among which the process's descriptors are shared; 0: this one alone */
};

struct mtasts_dns_answer {
  enum mtasts_dns_status outcome;
  bool local;                         /* FAILED by a fault of this host's: without descriptors or
                                         memory, without a way to any server, or without a word of
                                         any of them for as long as it was waited for */
  enum mtasts_security security;      /* UNKNOWN: by a resolver that does not validate */
  struct mtasts_dns_message message;  /* but of FAILED; bytes good for the callback */
  char detail[MTASTS_DETAIL_MAX + 1]; /* FAILED: "TXT _mta-sts.example.com: no answer in 5 s";
                                         BOGUS: what is wrong with which name */
};

typedef void mtasts_dns_fn(void *context, const struct mtasts_dns_answer *answer);

/*
 * A server that cannot be asked now, such as one behind an interface that is not there, is left
 * out; their trouble says so (dns_server_list.h). Without any server, every look-up fails.
 *
 * error: see error_text.h.
 *
 *   MTASTS_INVALID    a server is not an address, or there are too many; nothing in the anchor's
 *                     file can be trusted
 *   MTASTS_NO_FILE    there is no trust anchor file
 *   MTASTS_NO_MEMORY
 *   MTASTS_IO         a file is unreadable, or libunbound fails
 */
enum mtasts_status mtasts_resolver_new(struct event_base *base,
                                       const struct mtasts_resolver_options *options,
                                       char error[MTASTS_ERROR_TEXT],
                                       struct mtasts_resolver **resolver);

/* Cancels what is in flight without calling back. May be called from a callback. */
void mtasts_resolver_free(struct mtasts_resolver *resolver);

/* Those that are asked. Good for the resolver's life. */
const struct mtasts_dns_server_list *
mtasts_resolver_servers(const struct mtasts_resolver *resolver);

/*
 * Of each look-up that ends, before its callback: has a server answered it? why: NULL if so; else
 * its failure, as in mtasts_dns_answer. May free nothing of the resolver's.
 */
typedef void mtasts_resolver_observe_fn(void *context, const char *name, uint16_t type,
                                        const char *why);
void mtasts_resolver_observe(struct mtasts_resolver *resolver, mtasts_resolver_observe_fn *observe,
                             void *context);

/* "TXT", "TLSA"; "DNS" for a type that is not asked for here. */
const char *mtasts_rr_type_name(uint16_t type);

/*
 * Asks. The callback comes exactly once, unless the query is cancelled first.
 * name: no trailing dot, "" for the root. *query is good until the callback or the cancel.
 *   MTASTS_INVALID    the name is not one that the DNS can hold
 *   MTASTS_NO_MEMORY
 */
enum mtasts_status mtasts_resolver_ask(struct mtasts_resolver *resolver, const char *name,
                                       uint16_t type, mtasts_dns_fn *callback, void *context,
                                       struct mtasts_dns_query **query);
void mtasts_resolver_cancel(struct mtasts_dns_query *query);

/*
 * Does any of the servers answer at all? For the message that tells a broken
 * resolver from a broken domain, after a look-up failed. Waits up to `timeout`
 * seconds; needs no loop.
 */
bool mtasts_resolver_reachable(const struct mtasts_resolver *resolver, uint32_t timeout);

#endif
