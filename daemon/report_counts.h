/*
 * report_counts.h: the metrics of this site's own reports, from the states that `mtasts report
 * send` keeps in the store of outcomes. For the thread that owns the handle of the store.
 */
#ifndef MTASTS_REPORT_COUNTS_H
#define MTASTS_REPORT_COUNTS_H

#include "stats.h"

struct mtasts_outcome_store;

/* Counts the reports of the two days before today by their status: those that may still change. If
 * the store cannot be read, the counts stay as they are. */
void mtasts_report_counts(struct mtasts_outcome_store *store, uint32_t today,
                          struct mtasts_stats *stats);

#endif
