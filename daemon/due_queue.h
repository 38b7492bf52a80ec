/*
 * due_queue.h: the few domains that the refresh sweep would come to too late: those that failed and
 * are to be tried again, and policies so short-lived that half of their life passes before the
 * sweep comes round, which it does twice in an interval for their sake. A bounded heap by time;
 * where it is full, the latest is dropped, which the sweep will meet anyway.
 */
#ifndef MTASTS_DUE_QUEUE_H
#define MTASTS_DUE_QUEUE_H

#include "mtasts.h"

struct mtasts_due_queue;

/* NULL: no memory. */
struct mtasts_due_queue *mtasts_due_queue_new(size_t max);
void mtasts_due_queue_free(struct mtasts_due_queue *due_queue);

/* One time a domain: another replaces it. */
void mtasts_due_queue_set(struct mtasts_due_queue *due_queue, const struct mtasts_domain *domain,
                          int64_t due);
void mtasts_due_queue_drop(struct mtasts_due_queue *due_queue, const struct mtasts_domain *domain);

/* Takes the earliest that is due at `now`. */
bool mtasts_due_queue_take(struct mtasts_due_queue *due_queue, int64_t now,
                           struct mtasts_domain *domain);
/* The clock has jumped by so many seconds: what was due in an hour still is. */
void mtasts_due_queue_shift(struct mtasts_due_queue *due_queue, int64_t jump);
size_t mtasts_due_queue_count(const struct mtasts_due_queue *due_queue);

#endif
