/*
 * outcome_writer.h: the thread of mtastsd that writes the store of outcomes (outcome_store.h). A
 * slow disk holds up neither answers nor look-ups.
 *
 * Batches arrive as jobs (MTASTS_JOB_RECORD). While the store cannot be written, they are kept and
 * added up in memory, up to a bound which no domain can fill alone, and writing is tried again. One
 * log line says that the store cannot be written, one that it can again. A store that was removed
 * or damaged is begun again.
 *
 * Days older than keep_days are dropped when the clock has run evenly for a minute: a clock that
 * jumps ahead and back costs no day.
 */
#ifndef MTASTS_OUTCOME_WRITER_H
#define MTASTS_OUTCOME_WRITER_H

#include "job.h"
#include "snapshot.h"
#include "stats.h"

struct mtasts_outcome_writer;

/* The writer holds a reference to the snapshot of its own. NULL: no memory. */
struct mtasts_outcome_writer *mtasts_outcome_writer_new(struct mtasts_snapshot *snapshot,
                                                        struct mtasts_queue *inbox,
                                                        struct mtasts_stats *stats);

/* Runs until a STOP in the inbox, and then writes what it has. */
void mtasts_outcome_writer_run(struct mtasts_outcome_writer *writer);
void mtasts_outcome_writer_free(struct mtasts_outcome_writer *writer);

#endif
