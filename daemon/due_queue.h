/*
 * due_queue.h: the few domains that the refresh sweep would reach too late. They have failed and
 * must be tried again, or their policies are so short-lived that half of their life passes before
 * the sweep's extra pass, which visits each policy twice in an interval. A bounded heap by time. If
 * it is full, the latest domain is dropped; the sweep reaches it anyway.
 */
#ifndef MTASTS_DUE_QUEUE_H
#define MTASTS_DUE_QUEUE_H

#include "mtasts.h"

struct mtasts_due_queue;

/* NULL: no memory. */
struct mtasts_due_queue *mtasts_due_queue_new(size_t max);
void mtasts_due_queue_free(struct mtasts_due_queue *due_queue);

/* Each domain has one time: a new one replaces the old. */
void mtasts_due_queue_set(struct mtasts_due_queue *due_queue, const struct mtasts_domain *domain,
                          int64_t due);
void mtasts_due_queue_drop(struct mtasts_due_queue *due_queue, const struct mtasts_domain *domain);

/* Removes and returns the domain that is due first. False: none is due at `now`. */
bool mtasts_due_queue_take(struct mtasts_due_queue *due_queue, int64_t now,
                           struct mtasts_domain *domain);
/* The clock has jumped by so many seconds: shifts all times by as much. */
void mtasts_due_queue_shift(struct mtasts_due_queue *due_queue, int64_t jump);
size_t mtasts_due_queue_count(const struct mtasts_due_queue *due_queue);

#endif
