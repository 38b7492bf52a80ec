/*
 * thread.h: one of the two threads that run a loop. When it ends, it sends SIGUSR2 to the thread
 * that started it, which has blocked the signal and waits for it.
 */
#ifndef MTASTS_THREAD_H
#define MTASTS_THREAD_H

#include <stdatomic.h>

#include "job.h"

struct mtasts_thread {
  const char *name; /* at most 15 bytes, for ps(1) */
  void (*run)(void *context);
  void *context;
  struct mtasts_queue *queue; /* where it gets the job `stop` */
  struct mtasts_job *stop;    /* made at the start, so that stopping cannot fail; the owner's */
  pthread_t starter;
  pthread_t id;
  bool started;
  atomic_bool ended;
};

/* The caller sets name, run, context and queue. False: no memory, or no thread. */
bool mtasts_thread_start(struct mtasts_thread *thread);

#endif
