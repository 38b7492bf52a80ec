/*
 * publish_mx.h: the MX hosts that the DNS has for the domains of a list (RFC 5321 section 5.1).
 */
#ifndef MTASTS_TOOL_PUBLISH_MX_H
#define MTASTS_TOOL_PUBLISH_MX_H

#include "publish_list.h"

/*
 * Adds to each domain its MX hosts, sorted by name; or the domain itself, if it has no MX record
 * but an address. If root runs the command, a child without root's rights asks.
 *
 * On failure prints an error and returns an exit code: MTASTS_EXIT_LATER if a look-up fails,
 * MTASTS_EXIT_DATA if a domain takes no mail or an MX record names no host that a policy can list.
 */
int mtasts_publish_mx_add(const struct mtasts_options *options, struct mtasts_publish_list *list);

#endif
