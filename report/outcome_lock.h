/*
 * outcome_lock.h: writer.lock of the store of outcomes: who has the store open to write, and was it
 * closed in order?
 *
 * Each writer holds a shared lock of the file as long as it has the store open. A writer that gets
 * the exclusive lock is alone: it may check data.mdb, replace lock.mdb, and leave the mark of a
 * clean shutdown (cache/clean_shutdown.h). Functions return 0 or an errno.
 */
#ifndef MTASTS_REPORT_OUTCOME_LOCK_H
#define MTASTS_REPORT_OUTCOME_LOCK_H

#include <stdbool.h>

/*
 * Takes the exclusive lock if no other process has the store open to write, or else a shared one.
 * EWOULDBLOCK: another process checks the store. The lock goes with the descriptor.
 */
int mtasts_outcome_lock_take(int lock, bool *alone);

/* Exchanges a lock for a shared one. EWOULDBLOCK: another process was faster; there is none now. */
int mtasts_outcome_lock_share(int lock);

/* Exchanges the shared lock for the exclusive one. False: another process has the store open to
 * write; the shared lock may be lost. */
bool mtasts_outcome_lock_alone(int lock);

/* Has a process the store open to write? Such a process has checked it. */
bool mtasts_outcome_lock_has_writer(int directory);

#endif
