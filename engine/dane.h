/*
 * dane.h: DANE for SMTP (RFC 7672) as far as it is a matter of bytes and rules. Pure.
 */
#ifndef MTASTS_DANE_H
#define MTASTS_DANE_H

#include "mtasts.h"

/*
 * Can an SMTP client use this TLSA record (its rdata)? RFC 7672 section 3.1: usages DANE-TA(2) and
 * DANE-EE(3), selectors and matching types that are known, and data of the length that they have.
 */
bool mtasts_tlsa_usable(const unsigned char *rdata, size_t size);

/*
 * The state of a domain with a secure MX set, of its hosts' states. Verdicts are for domains, so a
 * host that must not be used binds the whole unless another one is safe:
 *
 *   USABLE    some are usable, and the others cannot be used
 *   MIXED     some are usable, and some have no TLSA records
 *   UNUSABLE  TLS is demanded of all of them, and DANE cannot authenticate any
 *   BOGUS     none is usable, and one failed validation
 *   ERROR     the same, but its look-up failed; or no host could be looked up
 *   NONE      anything else
 *
 * Hosts that have no addresses count for nothing.
 */
enum mtasts_dane mtasts_dane_of_hosts(const struct mtasts_mx_list *hosts);

/* mtasts_decide where DANE has no say: TLSA records are those of one port (RFC 7672 section 2.2.3),
 * and mail goes to another. */
struct mtasts_decision mtasts_decide_policy(const struct mtasts_entry *entry,
                                            const struct mtasts_override *override,
                                            enum mtasts_freshness freshness, int64_t now);

/* Is DANE of the entry still to be heeded at `now`? For a day after it has lapsed it is, so that
 * failing look-ups do not end it at once. */
bool mtasts_dane_counts(const struct mtasts_entry *entry, int64_t now);

/* Does DANE of the entry forbid something at `now`? It is not to be given up for want of news. */
bool mtasts_dane_binds(const struct mtasts_entry *entry, int64_t now);

#endif
