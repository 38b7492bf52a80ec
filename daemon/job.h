/*
 * job.h: jobs, the messages between the loops, and their queues.
 *
 * One thread makes a job and gives it to a queue; then the other thread owns it. A job that wants
 * an answer (token not NULL) comes back to the front loop through its queue, with the fields of the
 * answer filled in. Any other job is freed by the thread that handled it.
 */
#ifndef MTASTS_JOB_H
#define MTASTS_JOB_H

#include <pthread.h>
#include <sys/queue.h>

#include "socketmap.h"

struct mtasts_outcome_batch;
struct mtasts_snapshot;

enum mtasts_job_kind {
  MTASTS_JOB_LOOK_UP,   /* what is due of the domain */
  MTASTS_JOB_RECHECK,   /* the TXT record whatever its TTL: RFC 8461 section 5.1 */
  MTASTS_JOB_REFRESH,   /* everything again */
  MTASTS_JOB_REMOVE,    /* from the cache */
  MTASTS_JOB_IMPORT,    /* `value` into the cache */
  MTASTS_JOB_CONFIGURE, /* `snapshot` is in force from now on; its reference is passed on */
  MTASTS_JOB_LISTEN,    /* accept connections at `fd`, a `socket_kind`, in place of `old` */
  MTASTS_JOB_OUTCOMES,  /* read outcomes from `fd`, in place of the socket before */
  MTASTS_JOB_UNSTORED, /* to the front loop: `value` could not be stored; NULL: it was stored later,
                          or dropped */
  MTASTS_JOB_CHECKED,  /* `status` is the result of the cache check (cache_check.h) */
  MTASTS_JOB_RECORD,   /* to the writer of outcomes: add `batch` to the store */
  MTASTS_JOB_PING,     /* record that this was read: mtasts_loop_seen */
  MTASTS_JOB_STOP,     /* drain and end */
};

/* Which requests wait for a look-up: the more urgent look-up goes first. */
enum mtasts_urgency {
  MTASTS_URGENCY_BACKGROUND, /* none */
  MTASTS_URGENCY_NETWORK,    /* only peers over TCP, which get at most half of the slots */
  MTASTS_URGENCY_WAITED,
};

struct mtasts_job {
  STAILQ_ENTRY(mtasts_job) link;
  enum mtasts_job_kind kind;
  bool waited;  /* a request waits for it: goes before background jobs */
  bool network; /* if waited: only peers over TCP wait */
  struct mtasts_domain domain;
  struct mtasts_snapshot *snapshot;
  struct mtasts_outcome_batch *batch; /* passed on; freed with the job */
  int fd;                             /* of LISTEN and OUTCOMES; passed on; -1: none */
  int old;                            /* a socket that the front loop listens at; -1: none */
  enum mtasts_socket_kind socket_kind;
  void *token; /* the front loop's own; NULL: no answer wanted */

  /*
   * The answer.
   *   MTASTS_OK      LOOK_UP, RECHECK, REFRESH: `value` is the entry, committed if it could be;
   *                  REMOVE, IMPORT: done
   *   MTASTS_ABSENT  REMOVE: there was no entry
   *   MTASTS_FULL    too many look-ups wait already; none was started
   *   other          it failed
   */
  enum mtasts_status status;
  enum mtasts_freshness freshness;
  unsigned char *value; /* as mtasts_entry_encode writes it; freed with the job */
  size_t value_size;    /* bytes */
};

/* NULL: no memory. */
struct mtasts_job *mtasts_job_new(enum mtasts_job_kind kind);
void mtasts_job_free(struct mtasts_job *job);

static inline enum mtasts_urgency mtasts_job_urgency(const struct mtasts_job *job) {
  if (!job->waited)
    return MTASTS_URGENCY_BACKGROUND;
  return job->network ? MTASTS_URGENCY_NETWORK : MTASTS_URGENCY_WAITED;
}

STAILQ_HEAD(mtasts_jobs, mtasts_job);

/* Any thread may give; one thread takes. */
struct mtasts_queue {
  pthread_mutex_t lock;
  struct mtasts_jobs jobs;
  int fd; /* an eventfd: readable while the queue has jobs */
};

bool mtasts_queue_init(struct mtasts_queue *queue);
/* Frees the jobs that were not taken. */
void mtasts_queue_destroy(struct mtasts_queue *queue);

void mtasts_queue_give(struct mtasts_queue *queue, struct mtasts_job *job);
/* Appends all jobs to `jobs`, which the caller has initialised. */
void mtasts_queue_take(struct mtasts_queue *queue, struct mtasts_jobs *jobs);

#endif
