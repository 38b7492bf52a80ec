/*
 * listen.h: the sockets that our programs open themselves: at the start, before root is given up,
 * and later where one could not be opened then or was removed.
 *
 * A unix socket gets just the mode and group of its `access`, and its directory is made where it
 * is missing (0755); where root does it, both belong to the configuration's user. Others
 * keep their own group, but for one that the section itself names. What is left of a dead
 * server is replaced; a living one, or a file that is no socket, is not.
 *
 * Root works here in a directory that is somebody else's, so no name is followed or trusted twice.
 * Any thread; the umask is left alone. /proc has to be there.
 */
#ifndef MTASTS_LISTEN_H
#define MTASTS_LISTEN_H

#include <sys/stat.h>

#include "config.h"
#include "error_text.h"

struct mtasts_listen_socket {
  int fd; /* non-blocking, close-on-exec; the caller's to close */
  struct sockaddr_storage address;
  dev_t device; /* of a unix socket's file, with inode */
  ino_t inode;
};

/*
 * Listens at `unix:/path` or `inet:address:port` (endpoint.h); type: SOCK_STREAM, or SOCK_DGRAM for
 * a unix socket.
 * False: error says why, and errno is EADDRINUSE where somebody else listens there.
 */
bool mtasts_listen(const char *endpoint, int type, const struct mtasts_access *access,
                   const struct mtasts_config *config, struct mtasts_listen_socket *listening,
                   char error[MTASTS_ERROR_TEXT]);

/*
 * Adds to `error` what else is known of a failure of mtasts_listen, whose errno is `number`: which
 * process listens there (socket_owner.h), or what the error means. Takes as long as that does.
 */
void mtasts_listen_explain(const char *endpoint, int number, char error[MTASTS_ERROR_TEXT]);

/* Is the unix socket still the one at its path? True of other sockets. */
bool mtasts_listen_is_current(const struct mtasts_listen_socket *listening);

/* Removes the unix socket, where it still is the one there. Works on when fd is closed. */
void mtasts_listen_remove(const struct mtasts_listen_socket *listening);

#endif
