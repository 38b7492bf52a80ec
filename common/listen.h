/*
 * listen.h: opens listening sockets: at the start, before root is given up, and later if a socket
 * could not be opened then or was removed.
 *
 * A unix socket gets exactly the mode and group of its `access`. Its directory is made if it is
 * missing (0755). If root makes them, both belong to the configuration's user. Another user's
 * socket keeps that user's own group, unless the section names a group. A socket that no process
 * listens at is replaced. One with a process, or a file that is not a socket, is not.
 *
 * Root works here in a directory of another user, so no link is followed and no name is trusted
 * twice. Any thread; the umask stays. /proc is required.
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
 * a unix socket. False: error says why; errno is EADDRINUSE if another process listens there.
 */
bool mtasts_listen(const char *endpoint, int type, const struct mtasts_access *access,
                   const struct mtasts_config *config, struct mtasts_listen_socket *listening,
                   char error[MTASTS_ERROR_TEXT]);

/*
 * Adds details to the `error` of a failed mtasts_listen, whose errno is `number`: which process
 * listens there (socket_owner.h, which is slow), or what the error means.
 */
void mtasts_listen_explain(const char *endpoint, int number, char error[MTASTS_ERROR_TEXT]);

/* Is the unix socket still the file at its path? True for other sockets. */
bool mtasts_listen_is_current(const struct mtasts_listen_socket *listening);

/* Removes the unix socket's file, if it is still that of this socket. Works after fd is closed,
 * too. */
void mtasts_listen_remove(const struct mtasts_listen_socket *listening);

#endif
