/*
 * resolver.h: DNS queries on a libevent loop, by libunbound's event interface (no thread, no fork).
 * Answers arrive in callbacks from the loop, never from inside mtasts_resolver_ask.
 *
 * Every query asks a server. Nothing is cached here: no answers, no failures, no statistics about
 * servers. So one domain's dead name servers never count against another domain.
 *
 * A resolver with a trust anchor validates answers (DNSSEC, RFC 4035), whatever the servers say
 * about them. It caches the keys of zones; a key that failed is cached for a minute. Without a
 * trust anchor nothing is validated.
 *
 * The server that answered last is asked first. The next one is asked too if the first fails or is
 * silent for a second. A silent server is asked again until the query's timeout, even after
 * libunbound has given it up. A server that answers with a failure (SERVFAIL, REFUSED …) is not
 * asked again.
 *
 * If no answer comes, either the domain's name servers are silent, for which the server waits, or
 * the server itself is. To find out, a query that has no answer within a second is accompanied by a
 * query for the root, unless any server has answered anything since it began. Every working server
 * can answer for the root.
 *
 * The list of servers is fixed when the resolver is made. For another list, make another resolver.
 *
 * mtasts_resolver_new makes the whole process ignore SIGPIPE, and discards libunbound's log.
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
  /* A file of DS or DNSKEY records in zone format, or one that is kept by RFC 5011. It is never
   * written here; keys that are not yet trusted, or no longer, do not count. NULL: nothing is
   * validated. */
  const char *trust_anchor;
  /* Zones that are not validated though their parent is signed, in addition to those of
   * insecure_zones.h. Domain names; ignored without an anchor. */
  const char *const *insecure;
  size_t insecure_count;
  unsigned resolvers; /* that share the process's descriptors; 0: this one alone */
};

struct mtasts_dns_answer {
  enum mtasts_dns_status outcome;
  bool local; /* FAILED by a fault of this host: it had no descriptors or memory, no route to any
                 server, or no server sent anything until the timeout */
  enum mtasts_security security;      /* UNKNOWN: the resolver does not validate */
  struct mtasts_dns_message message;  /* not of FAILED; bytes good for the callback */
  char detail[MTASTS_DETAIL_MAX + 1]; /* FAILED: "TXT _mta-sts.example.com: no answer in 5 s";
                                         BOGUS: the name and its fault */
};

typedef void mtasts_dns_fn(void *context, const struct mtasts_dns_answer *answer);

/*
 * A server that cannot be asked now, for instance because its interface is missing, is left out;
 * `trouble` of the list names it (dns_server_list.h). Without any server, every query fails.
 *
 * error: see error_text.h.
 *
 *   MTASTS_INVALID    a server is not an address, or there are too many; no key in the anchor's
 *                     file can be trusted
 *   MTASTS_NO_FILE    there is no trust anchor file
 *   MTASTS_NO_MEMORY
 *   MTASTS_IO         a file is unreadable, or libunbound fails
 */
enum mtasts_status mtasts_resolver_new(struct event_base *base,
                                       const struct mtasts_resolver_options *options,
                                       char error[MTASTS_ERROR_TEXT],
                                       struct mtasts_resolver **resolver);

/* Cancels all queries without calling back. May be called from a callback. */
void mtasts_resolver_free(struct mtasts_resolver *resolver);

/* The servers that are asked. Good for the resolver's life. */
const struct mtasts_dns_server_list *
mtasts_resolver_servers(const struct mtasts_resolver *resolver);

/*
 * Called for each query that ends, before its callback. why: NULL if a server has answered; else
 * the failure, as in mtasts_dns_answer. Must not free the resolver or its queries.
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
 * Does any of the servers answer at all? After a failed query, this distinguishes a broken resolver
 * from a broken domain. Waits up to `timeout` seconds; needs no loop.
 */
bool mtasts_resolver_reachable(const struct mtasts_resolver *resolver, uint32_t timeout);

#endif
