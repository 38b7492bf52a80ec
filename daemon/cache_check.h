/*
 * cache_check.h: the check of a cache that was not closed in order, behind the first answers.
 *
 * A thread of its own reads all pages and tells the net loop by a job (MTASTS_JOB_CHECKED). Until
 * then the cache is read page by page, each looked at before it is believed, and what is learnt is
 * kept in memory. Then the net loop opens the cache for LMDB. If it is damaged it is moved aside,
 * and salvaged in steps, between which the loop does its other work.
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
  struct mtasts_job *job; /* made at the start, so that telling cannot fail */
  pthread_t id;
  bool started;
  atomic_bool stop;
};

/* directory and to_net are given, and outlive it. False: no memory, or no thread. */
bool mtasts_cache_check_start(struct mtasts_cache_check *check);
/* Ends it early if need be. */
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
  struct mtasts_salvage *salvage; /* under way; NULL: none */
  bool replaced;                  /* is a new file in use, and the old one to be salvaged? */
  int fd;                         /* of the file that is salvaged; -1: none */
  struct mtasts_ratelimit store_error_log;
};

/* store, stats, admitted and context are given; false: no memory. */
bool mtasts_admission_open(struct mtasts_admission *admission, struct event_base *base,
                           const char *directory);
void mtasts_admission_close(struct mtasts_admission *admission);

/* checked: what the check came to. */
void mtasts_admission_take(struct mtasts_admission *admission, enum mtasts_status checked);

#endif
