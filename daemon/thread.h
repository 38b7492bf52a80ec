/*
 * thread.h: one of the two threads that run a loop. The thread that starts it is told of its end by
 * SIGUSR2, which that thread has blocked and waits for.
 */
#ifndef MTASTS_THREAD_H
#define MTASTS_THREAD_H

#include <stdatomic.h>

#include "job.h"

struct mtasts_thread {
  const char *name; /* at most 15 bytes, for ps(1) */
  void (*run)(void *context);
  void *context;
  struct mtasts_queue *queue; /* where it reads of its end */
  struct mtasts_job *stop;    /* made at the start, so that stopping cannot fail; the owner's */
  pthread_t starter;
  pthread_t id;
  bool started;
  atomic_bool ended;
};

/* name, run, context and queue are given. False: no memory, or no thread. */
bool mtasts_thread_start(struct mtasts_thread *thread);

#endif
