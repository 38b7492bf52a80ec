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
  for (size_t i = 0; i < MTASTS_PATIENCES; i++)
    TAILQ_INIT(&waiters->by_deadline[i]);
}

void mtasts_waiters_destroy(struct mtasts_waiters *waiters) {
  for (size_t i = 0; i < MTASTS_PATIENCES; i++)
    for (struct mtasts_waiter *next, *waiter = TAILQ_FIRST(&waiters->by_deadline[i]); waiter;
         waiter = next) {
      next = TAILQ_NEXT(waiter, by_deadline);
      free(waiter);
    }
  tdestroy(waiters->errands, free);
  waiters->errands = NULL;
}

/* errands */

static int compare(const void *a, const void *b) {
  const struct mtasts_errand *x = a;
  const struct mtasts_errand *y = b;
  if (x->kind != y->kind)
    return x->kind < y->kind ? -1 : 1;
  if (x->serial != y->serial)
    return x->serial < y->serial ? -1 : 1;
  return mtasts_domain_compare(&x->domain, &y->domain);
}

static struct mtasts_errand *find(const struct mtasts_waiters *waiters,
                                  const struct mtasts_errand *like) {
  struct mtasts_errand *const *found = tfind(like, &waiters->errands, compare);
  return found ? *found : NULL;
}

/* Gives the job to the net loop. NULL: too many are out, or no memory. */
static struct mtasts_errand *send_out(struct mtasts_waiters *waiters, struct mtasts_job *job,
                                      struct mtasts_client *client,
                                      const struct mtasts_errand *like) {
  bool counted = mtasts_clients_take_errand(waiters->clients, client, !job->waited);
  struct mtasts_errand *errand = counted ? malloc(sizeof *errand) : NULL;
  if (errand) {
    *errand = *like;
    errand->urgency = mtasts_job_urgency(job);
    errand->client = client;
    TAILQ_INIT(&errand->waiters);
    if (tsearch(errand, &waiters->errands, compare)) {
      job->token = errand;
      mtasts_queue_give(waiters->to_net, job);
      return errand;
    }
  }
  if (counted)
    mtasts_clients_end_errand(waiters->clients, client);
  free(errand);
  mtasts_job_free(job);
  return NULL;
}

void mtasts_waiters_look_behind(struct mtasts_waiters *waiters, enum mtasts_job_kind kind,
                                const struct mtasts_domain *domain,
                                const struct mtasts_peer *peer) {
  const struct mtasts_errand like = {.kind = kind, .domain = *domain};
  if (find(waiters, &like))
    return;
  struct mtasts_job *job = mtasts_job_new(kind);
  if (!job)
    return;
  struct mtasts_client *client =
      peer ? mtasts_peer_client(peer)
           : mtasts_clients_hold(waiters->clients, MTASTS_ORIGIN_OUTCOME, (uid_t)-1);
  job->domain = *domain;
  send_out(waiters, job, client, &like);
  if (!peer)
    mtasts_clients_release(client);
}

struct mtasts_errand *mtasts_waiters_end(struct mtasts_waiters *waiters,
                                         const struct mtasts_job *job) {
  struct mtasts_errand *errand = job->token;
  tdelete(errand, &waiters->errands, compare);
  mtasts_clients_end_errand(waiters->clients, errand->client);
  return errand;
}

/* waiters */

/* Another wants what is out already. The net loop is told if that makes it more urgent. */
static void join(struct mtasts_waiters *waiters, struct mtasts_errand *errand,
                 struct mtasts_job *job) {
  if (errand->urgency >= mtasts_job_urgency(job)) {
    mtasts_job_free(job);
    return;
  }
  errand->urgency = mtasts_job_urgency(job);
  mtasts_queue_give(waiters->to_net, job); /* without a token: it is not answered */
}

/* The last of its kind, unless a reload has made deadlines shorter. */
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
  const struct mtasts_errand like = {
      .kind = job->kind,
      .serial = job->kind == MTASTS_JOB_IMPORT ? ++waiters->serial : 0,
      .domain = job->domain,
  };
  struct mtasts_client *client = mtasts_peer_client(wait->peer);
  struct mtasts_errand *errand = find(waiters, &like);
  struct mtasts_waiter *waiter = NULL;
  bool counted = (!errand || errand->counts[client->origin] < MTASTS_WAITERS_ERRAND_MAX) &&
                 mtasts_clients_take_waiter(waiters->clients, client);
  if (counted)
    waiter = malloc(sizeof *waiter + wait->text.len);
  job->network = client->origin == MTASTS_ORIGIN_NETWORK;
  if (errand)
    join(waiters, errand, job); /* also of one that may not wait: what is more urgent is so */
  else if (waiter)
    errand = send_out(waiters, job, client, &like);
  else
    mtasts_job_free(job);
  if (!waiter || !errand) {
    if (counted)
      mtasts_clients_end_waiter(waiters->clients, client);
    free(waiter);
    return NULL;
  }
  *waiter = (struct mtasts_waiter){.errand = errand,
                                   .peer = wait->peer,
                                   .map = wait->map,
                                   .patience = wait->patience,
                                   .deadline = wait->deadline,
                                   .client = client,
                                   .text_len = wait->text.len};
  memcpy(waiter->text, wait->text.data, wait->text.len);
  TAILQ_INSERT_TAIL(&errand->waiters, waiter, by_errand);
  sort_in(&waiters->by_deadline[wait->patience], waiter);
  errand->counts[client->origin]++;
  return waiter;
}

void mtasts_waiters_release(struct mtasts_waiters *waiters, struct mtasts_waiter *waiter) {
  TAILQ_REMOVE(&waiter->errand->waiters, waiter, by_errand);
  TAILQ_REMOVE(&waiters->by_deadline[waiter->patience], waiter, by_deadline);
  waiter->errand->counts[waiter->client->origin]--;
  mtasts_clients_end_waiter(waiters->clients, waiter->client);
  free(waiter);
}

struct mtasts_waiter *mtasts_waiters_first(const struct mtasts_waiters *waiters) {
  struct mtasts_waiter *first = NULL;
  for (size_t i = 0; i < MTASTS_PATIENCES; i++) {
    struct mtasts_waiter *waiter = TAILQ_FIRST(&waiters->by_deadline[i]);
    if (waiter && (!first || waiter->deadline < first->deadline))
      first = waiter;
  }
  return first;
}
