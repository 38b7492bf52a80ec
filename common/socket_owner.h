/*
 * socket_owner.h: which process listens at an address that we want? Found as ss(8) finds it: the
 * socket in /proc/net, its process by the descriptors of all processes. Root sees all of them.
 * Others see their own, and of a foreign socket its user.
 *
 * It reads a file for each descriptor on the machine, so it is for the start and for errors. Any
 * thread.
 */
#ifndef MTASTS_SOCKET_OWNER_H
#define MTASTS_SOCKET_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum {
  MTASTS_SOCKET_OWNER_TEXT = 128, /* bytes, with the NUL */
};

/*
 * Writes who has the TCP port, at that address or at all of them, or the unix socket:
 * `process 812 (mta-sts-daemon)`, `this process itself`, or where /proc does not show the process
 * `a process of user postfix`. False: it is not known; words is "".
 */
bool mtasts_socket_owner_find(const struct sockaddr_storage *address,
                              char description[MTASTS_SOCKET_OWNER_TEXT]);

#endif
