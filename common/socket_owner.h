/*
 * socket_owner.h: which process listens at an address that we want? Searches like ss(8): for the
 * socket in /proc/net, then for its process among the descriptors of all processes. Root sees all
 * of them. Another user sees the own processes, and only the user of any other socket.
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
 * Describes the process that has the TCP port, at that address or at all of them, or the unix
 * socket: `process 812 (mta-sts-daemon)`, `this process itself`, or `a process of user postfix` if
 * /proc does not show the process. False: it is not known; description is "".
 */
bool mtasts_socket_owner_find(const struct sockaddr_storage *address,
                              char description[MTASTS_SOCKET_OWNER_TEXT]);

#endif
