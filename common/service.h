/*
 * service.h: being a service: systemd's two protocols in place of libsystemd, and going into
 * the background without it.
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
  char name[64]; /* FileDescriptorName: ask, socketmap, outcome; "" unknown */
};

/*
 * The sockets that systemd has opened for us (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES; see
 * sd_listen_fds(3)): now close-on-exec and non-blocking, and no child inherits the variables.
 * Returns their number.
 */
size_t mtasts_service_sockets(struct mtasts_service_socket sockets[MTASTS_SERVICE_SOCKETS]);

/* Tells systemd (NOTIFY_SOCKET): "READY=1", "RELOADING=1\nMONOTONIC_USEC=…", "STOPPING=1",
 * "STATUS=…". Nothing where nobody listens. */
void mtasts_service_notify(const char *state);

/* Within how many milliseconds systemd wants each "WATCHDOG=1" (WATCHDOG_USEC, WATCHDOG_PID; see
 * sd_watchdog_enabled(3)); 0: it wants none. No child inherits the variables. */
int64_t mtasts_service_watchdog(void);

/*
 * Goes into the background: forks, and leads a session of its own. The parent waits until
 * mtasts_service_ready or the child's end, and exits with 0 or with the child's code; so standard
 * error stays where it is as long, and then goes to /dev/null as the other two. Call it in a
 * process with one thread. False: it could not; errno is set.
 */
bool mtasts_service_background(void);
void mtasts_service_ready(void);

#endif
