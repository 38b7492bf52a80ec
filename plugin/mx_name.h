/*
 * mx_name.h: the MX names of the hosts that Exim connects to. In most cases Exim's name is the MX
 * name, and nothing is looked up. Else Exim's own dnsdb look-up is asked for CNAMEs, and the answer
 * is kept for as long as domain_query.h remembers a domain.
 */
#ifndef MTASTS_PLUGIN_MX_NAME_H
#define MTASTS_PLUGIN_MX_NAME_H

#include "mx_alias.h"

/*
 * *mx: the MX name that led Exim to this host; the host itself if there is no other. names: the
 * names of its certificate, or empty. *mx is valid until the next call. False: the DNS does not
 * answer, and the policy does not list the host.
 */
bool mtasts_mx_name(const struct mtasts_domain_decision *decided, struct mtasts_span host,
                    struct mtasts_span names, struct mtasts_span *mx);

/* Replaces *mx, an MX name of the host, by another that the policy lists; false: there is none. */
bool mtasts_mx_other(const struct mtasts_domain_decision *decided, struct mtasts_span host,
                     struct mtasts_span *mx);

/* mtasts_aliases_unlisted for a domain with an enforce policy; `*` for any other. */
void mtasts_mx_unlisted(const struct mtasts_domain_decision *decided, struct mtasts_strbuf *text);

#endif
