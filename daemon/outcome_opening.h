/*
 * outcome_opening.h: opens the store of outcomes for its writer. A large store that was not closed
 * in order is checked page by page, which may take a minute: a thread of its own does that, so that
 * the writer goes on to take outcomes.
 *
 * One thread, the writer's, calls all functions.
 */
#ifndef MTASTS_OUTCOME_OPENING_H
#define MTASTS_OUTCOME_OPENING_H

#include <pthread.h>

#include "outcome_store.h"
#include "snapshot.h"

struct mtasts_outcome_opening {
  struct mtasts_snapshot *snapshot; /* whose store the thread opens; NULL: it does not run */
  pthread_t thread;
  atomic_bool done;
  struct mtasts_outcome_store *store;
  enum mtasts_status status;
  int error; /* errno */
  char text[MTASTS_ERROR_TEXT];
};

/* Opens the store to write, or returns TIMEOUT while the thread does: call it again later. `wait`:
 * waits for the thread. Statuses, error and errno as of mtasts_outcome_store_open. */
enum mtasts_status mtasts_outcome_opening_try(struct mtasts_outcome_opening *opening,
                                              struct mtasts_snapshot *snapshot, bool wait,
                                              char error[MTASTS_ERROR_TEXT],
                                              struct mtasts_outcome_store **store);

/* Waits for the thread, and closes what it has opened. */
void mtasts_outcome_opening_end(struct mtasts_outcome_opening *opening);

#endif
