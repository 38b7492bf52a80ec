/*
 * outcome_socket.h: the socket at which MTAs report the outcomes of sessions. Each is recorded
 * (outcome_recorder.h). Each failed session is logged. If it failed under a policy, the domain's
 * TXT record is rechecked, as RFC 8461 section 5.1 requires before mail fails for good.
 */
#ifndef MTASTS_OUTCOME_SOCKET_H
#define MTASTS_OUTCOME_SOCKET_H

#include "outcome_recorder.h"
#include "stats.h"
#include "waiters.h"

struct event_base;
struct mtasts_outcome_socket;

struct mtasts_outcome_socket_options {
  struct event_base *base;
  struct mtasts_waiters *waiters;
  struct mtasts_outcome_recorder *recorder; /* must outlive the socket */
  struct mtasts_stats *stats;
};

/* fd: a bound non-blocking datagram socket, taken over. NULL: no memory. */
struct mtasts_outcome_socket *
mtasts_outcome_socket_new(const struct mtasts_outcome_socket_options *options, int fd);

/* Reads what has arrived so far, at most as much as a socket can hold. */
void mtasts_outcome_socket_drain(struct mtasts_outcome_socket *outcomes);

/* Drains it, and closes it. NULL is fine. */
void mtasts_outcome_socket_free(struct mtasts_outcome_socket *outcomes);

#endif
