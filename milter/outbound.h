/*
 * outbound.h: does a message leave this site? Pure.
 */
#ifndef MTASTS_MILTER_OUTBOUND_H
#define MTASTS_MILTER_OUTBOUND_H

#include <netinet/in.h>

#include "config.h"

/* The client that sends to the MTA. */
struct mtasts_smtp_client {
  bool local;              /* a process of this host, by no network or by loopback */
  struct in6_addr address; /* of other clients; IPv4 as a mapped address */
};

/* address: from libmilter; NULL: no network. */
struct mtasts_smtp_client mtasts_smtp_client_of(const struct sockaddr *address);

/* Does the configuration treat mail from this client as outbound? authenticated: by SMTP AUTH. */
bool mtasts_smtp_client_sends(const struct mtasts_smtp_client *client, bool authenticated,
                              const struct mtasts_config *config);

/* Does mail for this mailer (Sendmail's, or a transport of Postfix) stay on this host? mailer: ""
 * if the MTA has not sent it; then the mail leaves this host. */
bool mtasts_mailer_is_local(const char *mailer, const struct mtasts_config *config);

#endif
