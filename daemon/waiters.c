#include "waiters.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"

void mtasts_waiters_init(struct mtasts_waiters *waiters, struct mtasts_queue *to_net,
                         struct mtasts_clients *clients) {
  memset(waiters, 0, sizeof *waiters);
  waiters->to_net = to_net;
  waiters->clients = clients;
  for (size_t i = 0; i < MTASTS_TIMEOUT_CLASSES; i++)
    TAILQ_INIT(&waiters->by_deadline[i]);
}

void mtasts_waiters_destroy(struct mtasts_waiters *waiters) {
  for (size_t i = 0; i < MTASTS_TIMEOUT_CLASSES; i++)
    for (struct mtasts_waiter *next, *waiter = TAILQ_FIRST(&waiters->by_deadline[i]); waiter;
         waiter = next) {
      next = TAILQ_NEXT(waiter, by_deadline);
      free(waiter);
    }
  tdestroy(waiters->pending_jobs, free);
  waiters->pending_jobs = NULL;
}

/* pending jobs */

static int compare(const void *a, const void *b) {
  const struct mtasts_pending_job *x = a;
  const struct mtasts_pending_job *y = b;
  if (x->kind != y->kind)
    return x->kind < y->kind ? -1 : 1;
  if (x->serial != y->serial)
    return x->serial < y->serial ? -1 : 1;
  return mtasts_domain_compare(&x->domain, &y->domain);
}

static struct mtasts_pending_job *find(const struct mtasts_waiters *waiters,
                                       const struct mtasts_pending_job *like) {
  struct mtasts_pending_job *const *found = tfind(like, &waiters->pending_jobs, compare);
  return found ? *found : NULL;
}

/* Gives the job to the net loop. NULL: too many are pending, or no memory. */
static struct mtasts_pending_job *send_out(struct mtasts_waiters *waiters, struct mtasts_job *job,
                                           struct mtasts_client *client,
                                           const struct mtasts_pending_job *like) {
  bool counted = mtasts_clients_take_pending_job(waiters->clients, client, !job->waited);
  struct mtasts_pending_job *pending_job = counted ? malloc(sizeof *pending_job) : NULL;
  if (pending_job) {
    *pending_job = *like;
    pending_job->urgency = mtasts_job_urgency(job);
    pending_job->client = client;
    TAILQ_INIT(&pending_job->waiters);
    if (tsearch(pending_job, &waiters->pending_jobs, compare)) {
      job->token = pending_job;
      mtasts_queue_give(waiters->to_net, job);
      return pending_job;
    }
  }
  if (counted)
    mtasts_clients_end_pending_job(waiters->clients, client);
  free(pending_job);
  mtasts_job_free(job);
  return NULL;
}

void mtasts_waiters_background_lookup(struct mtasts_waiters *waiters, enum mtasts_job_kind kind,
                                      const struct mtasts_domain *domain,
                                      const struct mtasts_peer *peer) {
  const struct mtasts_pending_job like = {.kind = kind, .domain = *domain};
  if (find(waiters, &like))
    return;
  struct mtasts_job *job = mtasts_job_new(kind);
  if (!job)
    return;
  struct mtasts_client *client =
      peer ? mtasts_peer_client(peer)
           : mtasts_clients_ref(waiters->clients, MTASTS_ORIGIN_OUTCOME, (uid_t)-1);
  job->domain = *domain;
  send_out(waiters, job, client, &like);
  if (!peer)
    mtasts_clients_unref(client);
}

struct mtasts_pending_job *mtasts_waiters_end(struct mtasts_waiters *waiters,
                                              const struct mtasts_job *job) {
  struct mtasts_pending_job *pending_job = job->token;
  tdelete(pending_job, &waiters->pending_jobs, compare);
  mtasts_clients_end_pending_job(waiters->clients, pending_job->client);
  return pending_job;
}

/* waiters */

/* Another request needs a job that is already pending. If that makes it more urgent, the net loop
 * gets a message. */
static void join(struct mtasts_waiters *waiters, struct mtasts_pending_job *pending_job,
                 struct mtasts_job *job) {
  if (pending_job->urgency >= mtasts_job_urgency(job)) {
    mtasts_job_free(job);
    return;
  }
  pending_job->urgency = mtasts_job_urgency(job);
  mtasts_queue_give(waiters->to_net, job); /* without a token: it is not answered */
}

/* It goes last in its class, unless a reload has made deadlines shorter. */
static void sort_in(struct mtasts_waiter_list *list, struct mtasts_waiter *waiter) {
  struct mtasts_waiter *before = TAILQ_LAST(list, mtasts_waiter_list);
  while (before && before->deadline > waiter->deadline)
    before = TAILQ_PREV(before, mtasts_waiter_list, by_deadline);
  if (before)
    TAILQ_INSERT_AFTER(list, before, waiter, by_deadline);
  else
    TAILQ_INSERT_HEAD(list, waiter, by_deadline);
}

struct mtasts_waiter *mtasts_waiters_add(struct mtasts_waiters *waiters, struct mtasts_job *job,
                                         const struct mtasts_wait *wait) {
  const struct mtasts_pending_job like = {
      .kind = job->kind,
      .serial = job->kind == MTASTS_JOB_IMPORT ? ++waiters->serial : 0,
      .domain = job->domain,
  };
  struct mtasts_client *client = mtasts_peer_client(wait->peer);
  struct mtasts_pending_job *pending_job = find(waiters, &like);
  struct mtasts_waiter *waiter = NULL;
  bool counted =
      (!pending_job || pending_job->counts[client->origin] < MTASTS_WAITERS_PENDING_JOB_MAX) &&
      mtasts_clients_take_waiter(waiters->clients, client);
  if (counted)
    waiter = malloc(sizeof *waiter + wait->text.len);
  job->network = client->origin == MTASTS_ORIGIN_NETWORK;
  if (pending_job)
    join(waiters, pending_job, job); /* even if the request may not wait: its urgency counts */
  else if (waiter)
    pending_job = send_out(waiters, job, client, &like);
  else
    mtasts_job_free(job);
  if (!waiter || !pending_job) {
    if (counted)
      mtasts_clients_end_waiter(waiters->clients, client);
    free(waiter);
    return NULL;
  }
  *waiter = (struct mtasts_waiter){.pending_job = pending_job,
                                   .peer = wait->peer,
                                   .map = wait->map,
                                   .timeout_class = wait->timeout_class,
                                   .deadline = wait->deadline,
                                   .client = client,
                                   .text_len = wait->text.len};
  memcpy(waiter->text, wait->text.data, wait->text.len);
  TAILQ_INSERT_TAIL(&pending_job->waiters, waiter, by_pending_job);
  sort_in(&waiters->by_deadline[wait->timeout_class], waiter);
  pending_job->counts[client->origin]++;
  return waiter;
}

void mtasts_waiters_release(struct mtasts_waiters *waiters, struct mtasts_waiter *waiter) {
  TAILQ_REMOVE(&waiter->pending_job->waiters, waiter, by_pending_job);
  TAILQ_REMOVE(&waiters->by_deadline[waiter->timeout_class], waiter, by_deadline);
  waiter->pending_job->counts[waiter->client->origin]--;
  mtasts_clients_end_waiter(waiters->clients, waiter->client);
  free(waiter);
}

struct mtasts_waiter *mtasts_waiters_first(const struct mtasts_waiters *waiters) {
  struct mtasts_waiter *first = NULL;
  for (size_t i = 0; i < MTASTS_TIMEOUT_CLASSES; i++) {
    struct mtasts_waiter *waiter = TAILQ_FIRST(&waiters->by_deadline[i]);
    if (waiter && (!first || waiter->deadline < first->deadline))
      first = waiter;
  }
  return first;
}
