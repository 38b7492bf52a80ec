/*
 * listen.h: the sockets that mtastsd opens itself, before it gives up root.
 */
#ifndef MTASTS_LISTEN_H
#define MTASTS_LISTEN_H

#include "config.h"

/*
 * Listens at `unix:/path` or `inet:address:port` (endpoint.h). A unix socket gets just the mode
 * and group of `access`, before anybody can connect, and its directory is made where it is missing
 * (0755, owned as the configuration says where root makes it). What is left of a dead
 * server is replaced; a living one, or a file that is no socket, is not.
 * error: at least 256 bytes, a sentence on failure.
 * Returns a non-blocking close-on-exec descriptor, or -1.
 */
int mtasts_listen_stream(const char *endpoint, const struct mtasts_access *access,
                         const struct mtasts_config *config, char *error);

/* The same for a unix datagram socket at a path. */
int mtasts_listen_datagram(const char *path, const struct mtasts_access *access,
                           const struct mtasts_config *config, char *error);

/* Removes the unix socket that fd is bound to, where it still is the one there. */
void mtasts_listen_remove(int fd);

#endif
