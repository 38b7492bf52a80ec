/*
 * outcomes.h: the socket at which MTAs tell how deliveries went. Each failed session is a log
 * line; one that failed under a policy has its TXT record looked at again, as RFC 8461
 * section 5.1 asks for before mail fails for good.
 */
#ifndef MTASTS_OUTCOMES_H
#define MTASTS_OUTCOMES_H

#include "stats.h"
#include "waiters.h"

struct event_base;
struct mtasts_outcomes;

/* fd: a bound non-blocking datagram socket, taken over. NULL: no memory. */
struct mtasts_outcomes *mtasts_outcomes_new(struct event_base *base, int fd,
                                            struct mtasts_waiters *waiters,
                                            struct mtasts_stats *stats);
void mtasts_outcomes_free(struct mtasts_outcomes *outcomes);

#endif
