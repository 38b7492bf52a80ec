/*
 * servers.h: which DNS servers are asked: those that are named, else those of resolv.conf.
 *
 * A server that cannot be asked now, such as one behind an interface that is not there, is left
 * out, and the list's trouble says so. Plain values; nothing is kept between calls.
 */
#ifndef MTASTS_SERVERS_H
#define MTASTS_SERVERS_H

#include "error_text.h"
#include "server.h"

#define MTASTS_RESOLVER_SERVERS 8 /* at most; of resolv.conf the first three, as resolv.conf(5) */

enum {
  MTASTS_SERVERS_TEXT = MTASTS_RESOLVER_SERVERS * MTASTS_SERVER_TEXT,
};

struct mtasts_servers {
  size_t count; /* may be 0: none of those that are named can be asked */
  struct mtasts_server list[MTASTS_RESOLVER_SERVERS];
  char trouble[MTASTS_ERROR_TEXT]; /* "": none */
};

/*
 * named: ADDR or ADDR@PORT each; count 0: resolv.conf.
 *   MTASTS_INVALID  a name is not an address, or there are too many
 *   MTASTS_IO       resolv.conf cannot be read now: no memory, no descriptors
 */
enum mtasts_status mtasts_servers_find(const char *const *named, size_t count,
                                       struct mtasts_servers *servers,
                                       char error[MTASTS_ERROR_TEXT]);

/* The same servers, in the same order, and the same trouble? */
bool mtasts_servers_same(const struct mtasts_servers *a, const struct mtasts_servers *b);

/* The addresses, with commas between. out: MTASTS_SERVERS_TEXT bytes. */
void mtasts_servers_write(const struct mtasts_servers *servers, char *out);

#endif
