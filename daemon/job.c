#include "job.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "outcome_batch.h"
#include "snapshot.h"

struct mtasts_job *mtasts_job_new(enum mtasts_job_kind kind) {
  struct mtasts_job *job = calloc(1, sizeof *job);
  if (!job)
    return NULL;
  job->kind = kind;
  job->fd = job->old = -1;
  return job;
}

void mtasts_job_free(struct mtasts_job *job) {
  if (!job)
    return;
  mtasts_snapshot_unref(job->snapshot);
  if (job->fd >= 0)
    close(job->fd);
  mtasts_outcome_batch_free(job->batch);
  free(job->value);
  free(job);
}

bool mtasts_queue_init(struct mtasts_queue *queue) {
  STAILQ_INIT(&queue->jobs);
  queue->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (queue->fd < 0)
    return false;
  pthread_mutex_init(&queue->lock, NULL);
  return true;
}

static void free_jobs(struct mtasts_jobs *jobs) {
  struct mtasts_job *job;
  while ((job = STAILQ_FIRST(jobs))) {
    STAILQ_REMOVE_HEAD(jobs, link);
    mtasts_job_free(job);
  }
}

void mtasts_queue_destroy(struct mtasts_queue *queue) {
  free_jobs(&queue->jobs);
  pthread_mutex_destroy(&queue->lock);
  close(queue->fd);
}

void mtasts_queue_give(struct mtasts_queue *queue, struct mtasts_job *job) {
  uint64_t one = 1;
  pthread_mutex_lock(&queue->lock);
  bool was_empty = STAILQ_EMPTY(&queue->jobs);
  STAILQ_INSERT_TAIL(&queue->jobs, job, link);
  pthread_mutex_unlock(&queue->lock);
  if (was_empty)
    while (write(queue->fd, &one, sizeof one) < 0 && errno == EINTR)
      continue;
}

void mtasts_queue_take(struct mtasts_queue *queue, struct mtasts_jobs *jobs) {
  uint64_t count;
  /* The eventfd is emptied before the jobs are taken, so a job that is given afterwards wakes the
   * loop again. */
  while (read(queue->fd, &count, sizeof count) < 0 && errno == EINTR)
    continue;
  pthread_mutex_lock(&queue->lock);
  STAILQ_CONCAT(jobs, &queue->jobs);
  pthread_mutex_unlock(&queue->lock);
}
