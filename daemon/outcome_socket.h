/*
 * outcome_socket.h: the socket at which MTAs tell how deliveries went. Each failed session is a log
 * line; one that failed under a policy has its TXT record looked at again, as RFC 8461
 * section 5.1 asks for before mail fails for good.
 */
#ifndef MTASTS_OUTCOME_SOCKET_H
#define MTASTS_OUTCOME_SOCKET_H

#include "stats.h"
#include "waiters.h"

struct event_base;
struct mtasts_outcome_socket;

/* fd: a bound non-blocking datagram socket, taken over. NULL: no memory. */
struct mtasts_outcome_socket *mtasts_outcome_socket_new(struct event_base *base, int fd,
                                                        struct mtasts_waiters *waiters,
                                                        struct mtasts_stats *stats);
void mtasts_outcome_socket_free(struct mtasts_outcome_socket *outcomes);

#endif
