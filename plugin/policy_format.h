/*
 * policy_format.h: a decision in the syntax of Exim's configuration. Pure.
 *
 * Values are rebuilt from the parsed policy, never copied from the network. So no mx line can forge
 * a key, a list item or a regular expression.
 */
#ifndef MTASTS_PLUGIN_POLICY_FORMAT_H
#define MTASTS_PLUGIN_POLICY_FORMAT_H

#include "domain_decision.h"
#include "strbuf.h"

enum {
  /* Bytes of an ignore list. Exim has no limit of its own, but it compiles each item again for each
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
 * if they do not apply. ignore: an Exim host list of all hosts except this one and those that the
 * policy lists; it is given in an enforce decision only. mx_list: the MX names that the caller
 * found, separated by colons; empty: not known. mx=ask: the caller should look them up and pass
 * them, because the policy lists none of the MX hosts in the entry reply. text:
 * MTASTS_POLICY_FORMAT_MAX bytes, empty.
 */
void mtasts_policy_format_policy(const struct mtasts_domain_decision *decided,
                                 struct mtasts_span mx_list, struct mtasts_strbuf *text);

/* Does an enforce policy list none of these MX hosts, so that mail waits (mx_mismatch.h)? The site
 * mode does not matter. If so, *first is the first of them. */
bool mtasts_policy_format_mismatch(const struct mtasts_domain_decision *decided,
                                   struct mtasts_span mx_list, struct mtasts_span *first);

/* The sentence that explains it: domain, hosts, rule, policy id, remedy. */
void mtasts_policy_format_mismatch_reason(const struct mtasts_domain_decision *decided,
                                          struct mtasts_span mx_list, struct mtasts_strbuf *text);

/* One item of such a host list: `!` and the pattern (a policy's, or a host's name), so that
 * matching hosts are kept. */
void mtasts_policy_format_keep(struct mtasts_strbuf *text, struct mtasts_span pattern);

/* Takes the next name that is not empty off a colon-separated list. */
bool mtasts_colon_list_next(struct mtasts_span *list, struct mtasts_span *name);

#endif
