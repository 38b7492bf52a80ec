#include "outcome_opening.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "log.h"

static void *run(void *context) {
  struct mtasts_outcome_opening *opening = context;
  pthread_setname_np(pthread_self(), "mtasts-outcheck");
  opening->status = mtasts_outcome_store_open(opening->snapshot->config, MTASTS_OUTCOME_WRITE,
                                              opening->text, &opening->store);
  opening->error = errno;
  atomic_store(&opening->done, true);
  return NULL;
}

static bool start(struct mtasts_outcome_opening *opening, struct mtasts_snapshot *snapshot) {
  char directory[PATH_MAX];
  if (!mtasts_outcome_directory(snapshot->config, directory, sizeof directory) ||
      !mtasts_outcome_store_opens_slowly(directory))
    return false;
  opening->snapshot = mtasts_snapshot_ref(snapshot);
  opening->store = NULL;
  atomic_store(&opening->done, false);
  if (pthread_create(&opening->thread, NULL, run, opening) != 0) {
    mtasts_snapshot_unref(opening->snapshot);
    opening->snapshot = NULL;
    return false;
  }
  mtasts_log(MTASTS_LOG_INFO,
             "outcome: the store %s was not closed in order: its pages are checked, and outcomes "
             "are kept in memory meanwhile",
             directory);
  return true;
}

static void join(struct mtasts_outcome_opening *opening) {
  pthread_join(opening->thread, NULL);
  mtasts_snapshot_unref(opening->snapshot);
  opening->snapshot = NULL;
}

void mtasts_outcome_opening_end(struct mtasts_outcome_opening *opening) {
  if (!opening->snapshot)
    return;
  join(opening);
  mtasts_outcome_store_close(opening->store);
  opening->store = NULL;
}

enum mtasts_status mtasts_outcome_opening_try(struct mtasts_outcome_opening *opening,
                                              struct mtasts_snapshot *snapshot, bool wait,
                                              char error[MTASTS_ERROR_TEXT],
                                              struct mtasts_outcome_store **store) {
  if (!opening->snapshot && !start(opening, snapshot))
    return mtasts_outcome_store_open(snapshot->config, MTASTS_OUTCOME_WRITE, error, store);
  if (!wait && !atomic_load(&opening->done))
    return MTASTS_TIMEOUT;
  /* The configuration has changed meanwhile. What is checked is marked, and opens at once. */
  if (opening->snapshot != snapshot) {
    mtasts_outcome_opening_end(opening);
    return mtasts_outcome_store_open(snapshot->config, MTASTS_OUTCOME_WRITE, error, store);
  }
  join(opening);
  if (opening->status == MTASTS_OK)
    *store = opening->store;
  else
    memcpy(error, opening->text, MTASTS_ERROR_TEXT);
  opening->store = NULL;
  errno = opening->error;
  return opening->status;
}
