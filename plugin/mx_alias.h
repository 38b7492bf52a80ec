/*
 * mx_alias.h: which MX host does an address belong to whose name Exim has taken from the end of
 * CNAMEs? Exim calls a host by its last name ($host), though RFC 8461 section 4.1 and 4.2 ask for
 * the name in the MX record: that one the policy lists, that one the certificate must name.
 *
 * Pure but for the DNS, which the caller asks.
 */
#ifndef MTASTS_PLUGIN_MX_ALIAS_H
#define MTASTS_PLUGIN_MX_ALIAS_H

#include "domain_decision.h"
#include "strbuf.h"

enum {
  MTASTS_ALIASES_MAX = 32, /* MX hosts of a domain that are looked at, by preference */
  MTASTS_ALIAS_STEPS = 8,  /* CNAMEs behind one another */
};

struct mtasts_alias_dns {
  void *context;
  /* type: "mxh", the names of the MX records, or "cname". *answer: names with colons between;
   * empty: there is none. False: the DNS does not say. */
  bool (*ask)(void *context, const char *type, const struct mtasts_domain *name,
              struct mtasts_span *answer);
};

struct mtasts_alias {
  struct mtasts_domain mx;   /* the name in the MX record */
  struct mtasts_domain host; /* where its CNAMEs lead; the same name if there are none */
  bool listed;               /* by the policy */
};

struct mtasts_aliases {
  size_t count;
  bool unsure; /* the DNS did not say all of it */
  struct mtasts_alias at[MTASTS_ALIASES_MAX];
};

/* The MX hosts of a domain, by preference, and the domain itself: a smart host, or a domain without
 * MX records, is its own host. The CNAMEs of a host that an enforce policy does not list are not
 * looked up: no mail goes there. */
void mtasts_aliases_find(const struct mtasts_domain_decision *decided,
                         const struct mtasts_alias_dns *dns, struct mtasts_aliases *aliases);

/*
 * The MX name of a host that Exim is connected to. Two of them may lead there: first comes one that
 * the policy lists, then one that a certificate with these names covers (empty: none is known yet),
 * then the preferred one. NULL: no MX name leads there.
 */
const struct mtasts_domain *mtasts_aliases_name(const struct mtasts_aliases *aliases,
                                                const struct mtasts_domain *host,
                                                struct mtasts_span names);

/* Another listed MX name of the host than this one. NULL: there is none. */
const struct mtasts_domain *mtasts_aliases_other(const struct mtasts_aliases *aliases,
                                                 const struct mtasts_domain *host,
                                                 const struct mtasts_domain *name);

/* An Exim host list of all hosts but those that a listed alias leads to. Never of a host that is
 * itself an MX host which the policy does not list. text: MTASTS_UNLISTED_MAX bytes. */
void mtasts_aliases_unlisted(const struct mtasts_aliases *aliases, struct mtasts_strbuf *text);

enum {
  MTASTS_UNLISTED_MAX = MTASTS_ALIASES_MAX * (3 * MTASTS_DOMAIN_MAX + 8) + 16,
};

#endif
