/*
 * job.h: what the front loop asks of the net loop, and the queues between them.
 *
 * A job is made by one thread, given to a queue, and is then the other thread's. Jobs that
 * want an answer (token not NULL) come back through the queue to the front loop with the
 * lower part filled in; the others are freed by whoever did them.
 */
#ifndef MTASTS_JOB_H
#define MTASTS_JOB_H

#include <pthread.h>
#include <sys/queue.h>

#include "socketmap.h"

struct mtasts_snapshot;

enum mtasts_job_kind {
  MTASTS_JOB_LOOK_UP,   /* what is due of the domain */
  MTASTS_JOB_RECHECK,   /* the TXT record whatever its TTL: RFC 8461 section 5.1 */
  MTASTS_JOB_REFRESH,   /* everything anew */
  MTASTS_JOB_REMOVE,    /* from the cache */
  MTASTS_JOB_IMPORT,    /* `value` into the cache */
  MTASTS_JOB_CONFIGURE, /* `snapshot` is in force from now on; its reference goes along */
  MTASTS_JOB_LISTEN,    /* serve at `fd`, as at `socket_kind`, in place of `old` */
  MTASTS_JOB_OUTCOMES,  /* take outcomes from `fd`, in place of what they came from before */
  MTASTS_JOB_UNSTORED, /* to the front loop: `value` is not in the cache; NULL: it is, or is void */
  MTASTS_JOB_CHECKED,  /* `status` is what the check of the cache came to (cache_check.h) */
  MTASTS_JOB_PING,     /* note that this was read: mtasts_loop_seen */
  MTASTS_JOB_STOP,     /* drain and end */
};

/* Who waits for a look-up: more goes before less. */
enum mtasts_urgency {
  MTASTS_URGENCY_BACKGROUND, /* nobody */
  MTASTS_URGENCY_NETWORK,    /* only peers over TCP, whom half of the places have to do for */
  MTASTS_URGENCY_WAITED,
};

struct mtasts_job {
  STAILQ_ENTRY(mtasts_job) link;
  enum mtasts_job_kind kind;
  bool waited;  /* goes before what nobody waits for */
  bool network; /* of one that is waited for: a peer over TCP waits */
  struct mtasts_domain domain;
  struct mtasts_snapshot *snapshot;
  int fd;  /* of LISTEN and OUTCOMES; goes along; -1: none */
  int old; /* a socket that the front loop listens at; -1: none */
  enum mtasts_socket_kind socket_kind;
  void *token; /* the front loop's own; NULL: no answer wanted */

  /*
   * The answer.
   *   MTASTS_OK      LOOK_UP, RECHECK, REFRESH: `value` is the entry, committed if it could be;
   *                  REMOVE, IMPORT: done
   *   MTASTS_ABSENT  REMOVE: was not there
   *   MTASTS_FULL    too much is waiting already; nothing was asked
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

/* Many threads may give, one takes. */
struct mtasts_queue {
  pthread_mutex_t lock;
  struct mtasts_jobs jobs;
  int fd; /* an eventfd: readable while there is something to take */
};

bool mtasts_queue_init(struct mtasts_queue *queue);
/* Frees what nobody took. */
void mtasts_queue_destroy(struct mtasts_queue *queue);

void mtasts_queue_give(struct mtasts_queue *queue, struct mtasts_job *job);
/* Moves all jobs behind those of `jobs`, which the caller has initialised. */
void mtasts_queue_take(struct mtasts_queue *queue, struct mtasts_jobs *jobs);

#endif
