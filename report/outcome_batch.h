/*
 * outcome_batch.h: outcomes of one day that are not in the store yet, each with the number of its
 * sessions. One thread at a time.
 *
 * A batch is bounded. While it is more than half full, one organisation (a guess,
 * engine/organisation.h) may have an eighth of it, so that no domain takes the room of others.
 */
#ifndef MTASTS_REPORT_OUTCOME_BATCH_H
#define MTASTS_REPORT_OUTCOME_BATCH_H

#include "key_table.h"

struct mtasts_outcome_batch;

/* One outcome of a batch. Its key is the packed outcome (outcome_form.h). */
struct mtasts_batched_outcome {
  struct mtasts_keyed keyed;
  uint64_t count;
  struct mtasts_batched_outcome *after; /* in the order in which they were added */
};

/* day: days since 1970-01-01, UTC. bytes: at most, where each outcome counts as a KiB or more.
 * NULL: no memory. */
struct mtasts_outcome_batch *mtasts_outcome_batch_new(uint32_t day, size_t bytes);
void mtasts_outcome_batch_free(struct mtasts_outcome_batch *batch);

/*
 * Adds `count` sessions. Returns the outcome, whose count may be raised later by the caller, as
 * long as the batch is the caller's. NULL: there is no room for another outcome, or no memory.
 */
struct mtasts_batched_outcome *mtasts_outcome_batch_add(struct mtasts_outcome_batch *batch,
                                                        struct mtasts_span packed, uint64_t count);

/* Adds all of `from`, and frees it. Returns how many sessions there was no room for. */
uint64_t mtasts_outcome_batch_merge(struct mtasts_outcome_batch *batch,
                                    struct mtasts_outcome_batch *from);

/* Frees a batch that is not written; returns its sessions. NULL is fine. */
uint64_t mtasts_outcome_batch_drop(struct mtasts_outcome_batch *batch);

uint32_t mtasts_outcome_batch_day(const struct mtasts_outcome_batch *batch);
/* The first outcome, or NULL. */
const struct mtasts_batched_outcome *
mtasts_outcome_batch_first(const struct mtasts_outcome_batch *batch);
bool mtasts_outcome_batch_half_full(const struct mtasts_outcome_batch *batch);

#endif
