/*
 * net_setup.h: opens the network for look-ups, by the options and the configuration.
 */
#ifndef MTASTS_TOOL_NET_SETUP_H
#define MTASTS_TOOL_NET_SETUP_H

#include "command.h"
#include "config.h"
#include "lookup.h"

struct event_base;

/*
 * Opens the resolver, the validator if the settings use DANE, and the fetcher; what is open already
 * stays. ca_file: the certificates to trust; NULL: the system's. The configuration must outlive
 * them. On failure prints an error and returns an exit code. If DNSSEC does not work here, prints
 * that once.
 */
int mtasts_net_setup_open(struct mtasts_net *net, struct event_base *base,
                          const struct mtasts_options *options, const struct mtasts_config *config,
                          const char *ca_file);

void mtasts_net_setup_close(struct mtasts_net *net);

#endif
