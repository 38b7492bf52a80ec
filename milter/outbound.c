#include "outbound.h"

#include <string.h>

static bool is_loopback(const struct in6_addr *address) {
  return IN6_IS_ADDR_LOOPBACK(address) ||
         (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

struct mtasts_smtp_client mtasts_smtp_client_of(const struct sockaddr *address) {
  struct mtasts_smtp_client client = {.local = true};
  struct sockaddr_in ipv4;
  struct sockaddr_in6 ipv6;
  if (address && address->sa_family == AF_INET) {
    memcpy(&ipv4, address, sizeof ipv4);
    client.address.s6_addr[10] = client.address.s6_addr[11] = 0xff;
    memcpy(&client.address.s6_addr[12], &ipv4.sin_addr, sizeof ipv4.sin_addr);
    client.local = is_loopback(&client.address);
  } else if (address && address->sa_family == AF_INET6) {
    memcpy(&ipv6, address, sizeof ipv6);
    client.address = ipv6.sin6_addr;
    client.local = is_loopback(&client.address);
  }
  return client;
}

bool mtasts_smtp_client_sends(const struct mtasts_smtp_client *client, bool authenticated,
                              const struct mtasts_config *config) {
  if (authenticated && (config->milter.outbound & MTASTS_OUTBOUND_AUTHENTICATED))
    return true;
  if (client->local && (config->milter.outbound & MTASTS_OUTBOUND_LOCAL))
    return true;
  for (size_t i = 0; i < config->milter.networks.count; i++)
    if (mtasts_network_has(&config->milter.networks.items[i], &client->address))
      return true;
  return false;
}

bool mtasts_mailer_is_local(const char *mailer, const struct mtasts_config *config) {
  const struct mtasts_strings *local = &config->milter.local_mailers;
  for (size_t i = 0; i < local->count; i++)
    if (strcmp(mailer, local->items[i]) == 0)
      return true;
  return false;
}
