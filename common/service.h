/*
 * service.h: runs a program as a service: systemd's two protocols, without libsystemd, and going
 * into the background without systemd.
 */
#ifndef MTASTS_SERVICE_H
#define MTASTS_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  MTASTS_SERVICE_SOCKETS = 16, /* at most, from sd_listen_fds(3) */
};

struct mtasts_service_socket {
  int fd;
  char name[64]; /* FileDescriptorName: ask, socketmap, outcome; "": unknown */
};

/*
 * The sockets that systemd has opened for us (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES; see
 * sd_listen_fds(3)): now close-on-exec and non-blocking, and no child inherits the variables.
 * Returns their number.
 */
size_t mtasts_service_sockets(struct mtasts_service_socket sockets[MTASTS_SERVICE_SOCKETS]);

/* Sends systemd (NOTIFY_SOCKET) a state: "READY=1", "RELOADING=1\nMONOTONIC_USEC=…", "STOPPING=1",
 * "STATUS=…". Does nothing without NOTIFY_SOCKET; ignores failures. */
void mtasts_service_notify(const char *state);

/* The milliseconds within which systemd expects each "WATCHDOG=1" (WATCHDOG_USEC, WATCHDOG_PID; see
 * sd_watchdog_enabled(3)); 0: it expects none. No child inherits the variables. */
int64_t mtasts_service_watchdog(void);

/*
 * Goes into the background: forks, and the child starts a session of its own. The parent waits for
 * mtasts_service_ready or for the child's end, and exits with 0 or with the child's code. Until
 * then standard error stays; afterwards it goes to /dev/null, like the other two. Call it in a
 * process with one thread. False: it failed; errno is set.
 */
bool mtasts_service_background(void);
void mtasts_service_ready(void);

#endif
