#include "thread.h"

#include <signal.h>

enum {
  STACK_SIZE = 1 << 20, /* bytes; untouched pages use no memory */
};

static void *run_thread(void *context) {
  struct mtasts_thread *thread = context;
  pthread_setname_np(pthread_self(), thread->name);
  thread->run(thread->context);
  atomic_store(&thread->ended, true);
  pthread_kill(thread->starter, SIGUSR2);
  return NULL;
}

bool mtasts_thread_start(struct mtasts_thread *thread) {
  pthread_attr_t attributes;
  thread->starter = pthread_self();
  thread->stop = mtasts_job_new(MTASTS_JOB_STOP);
  if (!thread->stop || pthread_attr_init(&attributes) != 0)
    return false;
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  thread->started = pthread_create(&thread->id, &attributes, run_thread, thread) == 0;
  pthread_attr_destroy(&attributes);
  return thread->started;
}
