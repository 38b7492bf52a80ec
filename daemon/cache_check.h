/*
 * cache_check.h: the check of a cache that was not closed in order, in the background.
 *
 * A thread of its own reads all pages and sends the net loop the result as a job
 * (MTASTS_JOB_CHECKED). Until then requests are answered without LMDB: each page is checked when it
 * is read, and new results stay in memory. Then the net loop opens the cache with LMDB. A damaged
 * cache is renamed and salvaged in steps, and between the steps the loop does its other work. A
 * salvage that the start has left to the loop (cache_open.h) goes on in the same way.
 */
#ifndef MTASTS_CACHE_CHECK_H
#define MTASTS_CACHE_CHECK_H

#include <event2/event.h>
#include <stdatomic.h>

#include "job.h"
#include "ratelimit.h"
#include "stats.h"
#include "store.h"

/* Of the thread that starts and stops the others. */
struct mtasts_cache_check {
  const char *directory;
  struct mtasts_queue *to_net;
  struct mtasts_job *job; /* made at the start, so that sending the result cannot fail */
  pthread_t id;
  bool started;
  atomic_bool stop;
};

/* The caller sets directory and to_net, which must outlive the check. False: no memory, or no
 * thread. */
bool mtasts_cache_check_start(struct mtasts_cache_check *check);
/* Ends it, if necessary before all pages are read. */
void mtasts_cache_check_stop(struct mtasts_cache_check *check);

/* Of the net loop. */
struct mtasts_admission {
  struct mtasts_store *store;
  struct mtasts_stats *stats;
  char *directory;
  void (*admitted)(void *context); /* the cache can be read and written from now on */
  void *context;
  struct event *step;
  enum mtasts_status checked;
  struct mtasts_salvage *salvage; /* in progress; NULL: none */
  bool salvages;                  /* is the store open, and data.mdb.damaged to be salvaged? */
  bool salvaged; /* it has been, and the mark (salvage_mark.h) cannot be cleared yet */
  int fd;        /* of the file that is salvaged; -1: none */
  struct mtasts_ratelimit store_error_log;
};

/* The caller sets store, stats, admitted and context. Begins to salvage if the store is to be
 * salvaged and need not be checked before. False: no memory. */
bool mtasts_admission_open(struct mtasts_admission *admission, struct event_base *base,
                           const char *directory);
void mtasts_admission_close(struct mtasts_admission *admission);

/* checked: the result of the check. */
void mtasts_admission_take(struct mtasts_admission *admission, enum mtasts_status checked);

#endif
