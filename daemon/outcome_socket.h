/*
 * outcome_socket.h: the socket at which MTAs report the outcomes of sessions. Each failed session
 * is logged. If it failed under a policy, the domain's TXT record is rechecked, as RFC 8461 section
 * 5.1 requires before mail fails for good.
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
