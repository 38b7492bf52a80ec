/*
 * server.h: the addresses of the DNS servers to ask, from options or resolv.conf.
 */
#ifndef MTASTS_SERVER_H
#define MTASTS_SERVER_H

#include <netdb.h>
#include <sys/socket.h>

#include "mtasts.h"

struct mtasts_server {
  struct sockaddr_storage address;
  socklen_t size;
  char text[NI_MAXHOST + sizeof "@65535"]; /* ADDR@PORT, as libunbound takes it */
};

/*
 * Reads ADDR[@PORT]; an IPv6 address may have a scope.
 *   MTASTS_INVALID  it is none
 */
enum mtasts_status mtasts_server_parse(const char *text, struct mtasts_server *server);

/*
 * The name servers of a resolv.conf(5), those of them that are addresses, at most
 * `most`; where there are none, the one on this machine.
 *   MTASTS_IO  not readable; errno is set
 */
enum mtasts_status mtasts_server_resolvconf(const char *path, size_t most,
                                            struct mtasts_server *servers, size_t *count);

/* Does one of them answer anything to a plain query within `timeout` seconds? */
bool mtasts_server_answers(const struct mtasts_server *servers, size_t count, uint32_t timeout);

#endif
