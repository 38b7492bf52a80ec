/*
 * dane.h: the rules of DANE for SMTP (RFC 7672), without any look-up. Pure.
 */
#ifndef MTASTS_DANE_H
#define MTASTS_DANE_H

#include "mtasts.h"

/*
 * Can an SMTP client use this TLSA record (its rdata)? RFC 7672 section 3.1: usages DANE-TA(2) and
 * DANE-EE(3), known selectors and matching types, and data of the length that the matching type
 * has.
 */
bool mtasts_tlsa_usable(const unsigned char *rdata, size_t size);

/*
 * The state of a domain with a secure MX set, computed from its hosts' states. A verdict is for a
 * whole domain. So a host that must not be used decides for the domain, unless another host is
 * safe:
 *
 *   USABLE    some are usable, and mail cannot use the others
 *   MIXED     some are usable, and some have no TLSA records
 *   UNUSABLE  all of them must use TLS, and DANE cannot authenticate any
 *   BOGUS     none is usable, and one failed validation
 *   ERROR     the same, but its look-up failed; or no host could be looked up
 *   NONE      anything else
 *
 * Hosts without addresses are ignored.
 */
enum mtasts_dane mtasts_dane_of_hosts(const struct mtasts_mx_list *hosts);

/* Like mtasts_decide, but without DANE: TLSA records are for one port (RFC 7672 section 2.2.3), and
 * this mail goes to another. */
struct mtasts_decision mtasts_decide_policy(const struct mtasts_entry *entry,
                                            const struct mtasts_override *override,
                                            enum mtasts_freshness freshness, int64_t now);

/* Does DANE of the entry still apply at `now`? It does for a day after it has lapsed, so that
 * failing look-ups do not end it at once. */
bool mtasts_dane_counts(const struct mtasts_entry *entry, int64_t now);

/* Does DANE of the entry restrict delivery at `now`? If so, a failing look-up must not end it. */
bool mtasts_dane_binds(const struct mtasts_entry *entry, int64_t now);

#endif
