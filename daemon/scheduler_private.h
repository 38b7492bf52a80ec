/*
 * scheduler_private.h: which look-ups may begin, and which may fetch: the scheduler's slots, and
 * the limits of each address. scheduler.c and task_slots.c share it.
 *
 * A look-up needs a slot to begin. When the address of its policy host is known, it may fetch if
 * that address has fewer than a quarter of the slots, and its network fewer than half
 * (fetch_limits.h). Otherwise it is delayed: it gives up its slot, and fetches without one when
 * another fetch from that address or network has ended. So a few slow addresses delay only their
 * own domains. A fetch that has run for MTASTS_TASK_SLOTS_TURN_MS while others are delayed for it
 * is ended, so that a slow domain does not delay the other domains of a large provider for long.
 */
#ifndef MTASTS_SCHEDULER_PRIVATE_H
#define MTASTS_SCHEDULER_PRIVATE_H

#include "scheduler.h"

struct in6_addr;

enum {
  MTASTS_TASK_SLOTS_TURN_MS = 5000,
};

/* The number of running look-ups, without delayed ones. */
size_t mtasts_task_slots_taken(const struct mtasts_scheduler *scheduler);

/* Is there a free slot for one more look-up of this kind, or can one be freed? If not, the
 * scheduler is started again when there may be one. */
bool mtasts_task_slots_find(struct mtasts_scheduler *scheduler, enum mtasts_task_list kind);

/* As mtasts_net.admit; the context is the task. */
bool mtasts_task_slots_admit(void *context, const struct in6_addr *address);

/* Frees the task's look-up, if it has one. A task that was delayed for it may then fetch. */
void mtasts_task_slots_leave(struct mtasts_scheduler *scheduler, struct mtasts_task *task);

/* To be called often: once a second it checks the delayed tasks. */
void mtasts_task_slots_go(struct mtasts_scheduler *scheduler);

#endif
