/*
 * dns_server_list.h: which DNS servers are asked: those in the configuration, else those of
 * resolv.conf.
 *
 * A server that cannot be asked now is left out, and `trouble` names it; its interface may be
 * missing. Plain values; nothing is kept between calls.
 */
#ifndef MTASTS_DNS_SERVER_LIST_H
#define MTASTS_DNS_SERVER_LIST_H

#include "dns_server.h"
#include "error_text.h"

#define MTASTS_RESOLVER_SERVERS 8 /* at most; of resolv.conf the first three, as resolv.conf(5) */

enum {
  MTASTS_DNS_SERVER_LIST_TEXT = MTASTS_RESOLVER_SERVERS * MTASTS_DNS_SERVER_TEXT,
};

struct mtasts_dns_server_list {
  size_t count; /* may be 0: none of the configured servers can be asked */
  struct mtasts_dns_server list[MTASTS_RESOLVER_SERVERS];
  char trouble[MTASTS_ERROR_TEXT]; /* "": none */
};

/*
 * named: ADDR or ADDR@PORT each; count 0: resolv.conf.
 *   MTASTS_INVALID  a name is not an address, or there are too many
 *   MTASTS_IO       resolv.conf cannot be read now: no memory, no descriptors
 */
enum mtasts_status mtasts_dns_server_list_find(const char *const *named, size_t count,
                                               struct mtasts_dns_server_list *servers,
                                               char error[MTASTS_ERROR_TEXT]);

/* The same servers, in the same order, and the same trouble? */
bool mtasts_dns_server_list_same(const struct mtasts_dns_server_list *a,
                                 const struct mtasts_dns_server_list *b);

/* Writes the addresses, separated by commas. out: MTASTS_DNS_SERVER_LIST_TEXT bytes. */
void mtasts_dns_server_list_write(const struct mtasts_dns_server_list *servers, char *out);

#endif
