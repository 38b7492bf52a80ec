/*
 * policy_format.h: a decision in the words of Exim's configuration. Pure.
 *
 * Values are rebuilt from the parsed policy and never copied from what came over the network, so
 * no mx line can forge a key, an item of a list or a regular expression.
 */
#ifndef MTASTS_PLUGIN_POLICY_FORMAT_H
#define MTASTS_PLUGIN_POLICY_FORMAT_H

#include "domain_decision.h"
#include "strbuf.h"

enum {
  /* Bytes of an ignore list. Exim has no limit of its own, but it compiles each item anew for each
   * address of each MX host, and keeps them all until the process ends. */
  MTASTS_IGNORE_MAX = 32 << 10,
  MTASTS_POLICY_FORMAT_MAX = MTASTS_IGNORE_MAX + 4096,
};

/*
 * What mtasts_policy yields, for ${extract}:
 *
 *   mode=M id="I" expires="T" ignore="L" [unknown=yes] [monitor=yes] [mx=ask|mismatch] [reason="W"]
 *
 * M: enforce, testing, none, dane, encrypt or tempfail. id, expires (RFC 3339) and ignore are empty
 * where they do not apply. ignore: an Exim host list of all but this host and the policy's own; it
 * stands in an enforce decision alone. mx_list: the MX names that the caller found, separated by
 * colons; empty: not known. mx=ask: they should be looked up and handed in, since none that the
 * ruling came with is listed. text: MTASTS_POLICY_FORMAT_MAX bytes, empty.
 */
void mtasts_policy_format_policy(const struct mtasts_domain_decision *decided,
                                 struct mtasts_span mx_list, struct mtasts_strbuf *text);

/* Does an enforce policy list none of these MX hosts, so that mail waits (mx_mismatch.h)? Whatever
 * the site mode. *first, if so: the first of them. */
bool mtasts_policy_format_mismatch(const struct mtasts_domain_decision *decided,
                                   struct mtasts_span mx_list, struct mtasts_span *first);

/* The sentence that says so: domain, hosts, rule, policy id, remedy. */
void mtasts_policy_format_mismatch_reason(const struct mtasts_domain_decision *decided,
                                          struct mtasts_span mx_list, struct mtasts_strbuf *text);

/* One item of such a host list: `!` and the pattern (a policy's, or a host's name), so that what it
 * matches is kept. */
void mtasts_policy_format_keep(struct mtasts_strbuf *text, struct mtasts_span pattern);

/* Takes the next name that is not empty off a list that colons separate. */
bool mtasts_colon_list_next(struct mtasts_span *list, struct mtasts_span *name);

#endif
