/*
 * outcome_recorder.h: outcomes on their way from the front loop to the store. It collects them for
 * half a second in a batch of one UTC day, and gives the batch to the thread that writes them
 * (outcome_writer.h). It never waits. A datagram that repeats is recognised and not read again.
 *
 * If the writer is slow, the batch in memory grows up to its bound, which no domain can fill alone
 * (outcome_batch.h). All in the front loop's thread.
 */
#ifndef MTASTS_OUTCOME_RECORDER_H
#define MTASTS_OUTCOME_RECORDER_H

#include "job.h"
#include "outcome.h"
#include "stats.h"

struct event_base;
struct mtasts_outcome_recorder;

struct mtasts_outcome_recorder_options {
  struct event_base *base;
  struct mtasts_queue *to_writer; /* NULL: nothing is recorded */
  struct mtasts_stats *stats;
  mtasts_discovery_fn *discovery;
  void *context; /* of discovery */
};

/* NULL: no memory. */
struct mtasts_outcome_recorder *
mtasts_outcome_recorder_new(const struct mtasts_outcome_recorder_options *options);
/* Gives the writer what is left. NULL is fine. */
void mtasts_outcome_recorder_free(struct mtasts_outcome_recorder *recorder);

/* record: outcome.record. */
void mtasts_outcome_recorder_configure(struct mtasts_outcome_recorder *recorder, bool record);

/*
 * Reads a datagram that has arrived at `now`, seconds since the epoch, and records it. *outcome
 * becomes what it says, and lives until the next call; NULL if it is refused for what it says.
 */
enum mtasts_outcome_refusal mtasts_outcome_recorder_take(struct mtasts_outcome_recorder *recorder,
                                                         struct mtasts_span datagram, int64_t now,
                                                         const struct mtasts_outcome **outcome);

/* Gives the writer what was collected so far. */
void mtasts_outcome_recorder_flush(struct mtasts_outcome_recorder *recorder);

#endif
