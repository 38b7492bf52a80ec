/*
 * mx_name.h: the MX names of the hosts that Exim connects to. In most cases the name that Exim
 * gives is one, and nothing is looked up; else Exim's own dnsdb look-up is asked for CNAMEs, and
 * what it said is kept for as long as domain_query.h keeps a domain.
 */
#ifndef MTASTS_PLUGIN_MX_NAME_H
#define MTASTS_PLUGIN_MX_NAME_H

#include "mx_alias.h"

/*
 * *mx: the MX name that led Exim to this host; the host itself if there is no other. names: those
 * of its certificate, or empty. *mx is good until the next call. False: the DNS does not say, and
 * the policy does not list the host.
 */
bool mtasts_mx_name(const struct mtasts_domain_decision *decided, struct mtasts_span host,
                    struct mtasts_span names, struct mtasts_span *mx);

/* Replaces *mx, an MX name of the host, by another one that the policy lists; false: there is none.
 */
bool mtasts_mx_other(const struct mtasts_domain_decision *decided, struct mtasts_span host,
                     struct mtasts_span *mx);

/* mtasts_aliases_unlisted of a domain with an enforce policy; `*` of any other. */
void mtasts_mx_unlisted(const struct mtasts_domain_decision *decided, struct mtasts_strbuf *text);

#endif
