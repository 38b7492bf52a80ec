/*
 * net_setup.h: what look-ups need of the network, opened by the options and the configuration.
 */
#ifndef MTASTS_TOOL_NET_SETUP_H
#define MTASTS_TOOL_NET_SETUP_H

#include "command.h"
#include "config.h"
#include "lookup.h"

struct event_base;

/*
 * Opens resolver, validator where the settings want DANE, and fetcher; what is open stays. ca_file:
 * the certificates to trust, NULL for the system's. The
 * configuration must outlive them. Complains and returns an exit code on failure; also complains
 * once of DNSSEC that does not work here.
 */
int mtasts_net_setup_open(struct mtasts_net *net, struct event_base *base,
                          const struct mtasts_options *options, const struct mtasts_config *config,
                          const char *ca_file);

void mtasts_net_setup_close(struct mtasts_net *net);

#endif
