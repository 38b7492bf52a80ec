/*
 * mx_alias.h: finds the MX host that a host of Exim's belongs to, if an MX host is an alias. Exim
 * names a host by the end of its CNAME chain ($host). RFC 8461 sections 4.1 and 4.2 require the
 * name in the MX record: the policy must list it, and the certificate must match it.
 *
 * Pure but for the DNS, which the caller asks.
 */
#ifndef MTASTS_PLUGIN_MX_ALIAS_H
#define MTASTS_PLUGIN_MX_ALIAS_H

#include "domain_decision.h"
#include "strbuf.h"

enum {
  MTASTS_ALIASES_MAX = 32, /* MX hosts of a domain that are examined, by preference */
  MTASTS_ALIAS_STEPS = 8,  /* CNAMEs in one chain */
};

struct mtasts_alias_dns {
  void *context;
  /* type: "mxh", the names of the MX records, or "cname". *answer: the names, separated by colons;
   * empty: there are none. False: the DNS does not answer. */
  bool (*ask)(void *context, const char *type, const struct mtasts_domain *name,
              struct mtasts_span *answer);
};

struct mtasts_alias {
  struct mtasts_domain mx;   /* the name in the MX record */
  struct mtasts_domain host; /* the end of its CNAME chain; the same name if there is none */
  bool listed;               /* by the policy */
};

struct mtasts_aliases {
  size_t count;
  bool unsure; /* the DNS did not answer all queries */
  struct mtasts_alias at[MTASTS_ALIASES_MAX];
};

/* Finds the MX hosts of a domain, by preference, and the domain itself: a smart host, or a domain
 * without MX records, is its own host. CNAMEs of a host that an enforce policy does not list are
 * not looked up: no mail goes to it. */
void mtasts_aliases_find(const struct mtasts_domain_decision *decided,
                         const struct mtasts_alias_dns *dns, struct mtasts_aliases *aliases);

/*
 * The MX name of a host that Exim is connected to. If several lead to it, a name that the policy
 * lists comes first. Next comes one that a certificate with these names matches (empty: no
 * certificate is known yet), then the preferred one. NULL: no MX name leads to the host.
 */
const struct mtasts_domain *mtasts_aliases_name(const struct mtasts_aliases *aliases,
                                                const struct mtasts_domain *host,
                                                struct mtasts_span names);

/* Another listed MX name of the host, not this one. NULL: there is none. */
const struct mtasts_domain *mtasts_aliases_other(const struct mtasts_aliases *aliases,
                                                 const struct mtasts_domain *host,
                                                 const struct mtasts_domain *name);

/* An Exim host list of all hosts except those that a listed alias leads to. A host that is itself
 * an unlisted MX host is never excepted. text: MTASTS_UNLISTED_MAX bytes. */
void mtasts_aliases_unlisted(const struct mtasts_aliases *aliases, struct mtasts_strbuf *text);

enum {
  MTASTS_UNLISTED_MAX = MTASTS_ALIASES_MAX * (3 * MTASTS_DOMAIN_MAX + 8) + 16,
};

#endif
