/*
 * scheduler_private.h: who may begin, and who may fetch: the scheduler's places, and the shares of
 * each address.
 *
 * A look-up takes a place to begin. Once it knows where its policy host is, it fetches from there
 * if that address has less than a quarter of the places, and its network less than half
 * (fetch_limits.h). Else it is held: it leaves its place to others, and fetches when another one of
 * that address or network has ended, beside the places. So a few slow addresses hold up their own
 * domains alone. If one has been fetching for MTASTS_TASK_SLOTS_TURN_MS and others are held for it,
 * it is ended, so that a slow domain does not hold up the others of a large provider for long.
 */
#ifndef MTASTS_SCHEDULER_PRIVATE_H
#define MTASTS_SCHEDULER_PRIVATE_H

#include "scheduler.h"

struct in6_addr;

enum {
  MTASTS_TASK_SLOTS_TURN_MS = 5000,
};

/* Look-ups under way, without those that are held. */
size_t mtasts_task_slots_taken(const struct mtasts_scheduler *scheduler);

/* Is there a place for one more of this kind, or can one be made? If not, the scheduler is launched
 * again when there may be. */
bool mtasts_task_slots_find(struct mtasts_scheduler *scheduler, enum mtasts_task_list kind);

/* As mtasts_net.admit; the context is the task. */
bool mtasts_task_slots_admit(void *context, const struct in6_addr *address);

/* Frees the task's look-up, if it has one; another one that was held for it fetches then. */
void mtasts_task_slots_leave(struct mtasts_scheduler *scheduler, struct mtasts_task *task);

/* To be called now and then: once a second it sees to those that are held. */
void mtasts_task_slots_go(struct mtasts_scheduler *scheduler);

#endif
