#include "waiters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socketmap_private.h"
#include "unit.h"

const char *const unit_name = "daemon/waiters";

static const uid_t NETWORK = (uid_t)-1;

enum {
  NETWORK_PENDING_JOBS = 100,
};

static struct mtasts_waiters waiters;
static struct mtasts_clients clients;
static struct mtasts_queue to_net;
static struct mtasts_jobs out; /* what the net loop was given */

static void set_up(void) {
  CU_ASSERT_TRUE_FATAL(mtasts_queue_init(&to_net));
  STAILQ_INIT(&out);
  mtasts_clients_init(&clients, NETWORK_PENDING_JOBS);
  mtasts_waiters_init(&waiters, &to_net, &clients);
}

static void tear_down(void) {
  mtasts_waiters_destroy(&waiters);
  for (struct mtasts_job *job; (job = STAILQ_FIRST(&out));) {
    STAILQ_REMOVE_HEAD(&out, link);
    mtasts_job_free(job);
  }
  mtasts_queue_destroy(&to_net);
}

static unsigned jobs_out(void) {
  unsigned count = 0;
  mtasts_queue_take(&to_net, &out);
  for (struct mtasts_job *job = STAILQ_FIRST(&out); job; job = STAILQ_NEXT(job, link))
    count++;
  return count;
}

/* Whose connection stays open. */
static struct mtasts_peer *peer_of(uid_t uid) {
  static struct mtasts_peer peers[2];
  static unsigned next;
  struct mtasts_peer *peer = &peers[next++ % 2];
  enum mtasts_origin origin = uid == NETWORK ? MTASTS_ORIGIN_NETWORK : MTASTS_ORIGIN_SOCKETMAP;
  peer->uid = uid;
  peer->client = mtasts_clients_ref(&clients, origin, uid);
  return peer;
}

static struct mtasts_waiter *wait_as(enum mtasts_job_kind kind, unsigned number, uid_t uid,
                                     enum mtasts_timeout_class timeout_class, int64_t deadline) {
  struct mtasts_job *job = mtasts_job_new(kind);
  job->waited = true;
  job->domain.len = (size_t)snprintf(job->domain.name, sizeof job->domain.name, "d%u", number);
  return mtasts_waiters_add(&waiters, job,
                            &(struct mtasts_wait){.peer = peer_of(uid),
                                                  .map = MTASTS_MAP_POSTFIX,
                                                  .text = (struct mtasts_span){"x", 1},
                                                  .timeout_class = timeout_class,
                                                  .deadline = deadline});
}

static struct mtasts_waiter *wait_for(unsigned number) {
  return wait_as(MTASTS_JOB_LOOK_UP, number, 1, MTASTS_TIMEOUT_CLASS_MTA, 1);
}

static void release(struct mtasts_waiter *waiter) {
  mtasts_waiters_release(&waiters, waiter);
}

static void look_behind(unsigned number) {
  struct mtasts_domain domain;
  domain.len = (size_t)snprintf(domain.name, sizeof domain.name, "d%u", number);
  mtasts_waiters_background_lookup(&waiters, MTASTS_JOB_LOOK_UP, &domain, peer_of(1));
}

static void test_one_job(void) {
  set_up();
  struct mtasts_waiter *first = wait_for(1);
  struct mtasts_waiter *second = wait_for(1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(first);
  CU_ASSERT_PTR_NOT_NULL_FATAL(second);
  CU_ASSERT_PTR_EQUAL(first->pending_job, second->pending_job);
  look_behind(1);
  CU_ASSERT_EQUAL(jobs_out(), 1);
  wait_for(2);
  wait_as(MTASTS_JOB_REFRESH, 1, 1, MTASTS_TIMEOUT_CLASS_ASK, 1);
  wait_as(MTASTS_JOB_REFRESH, 1, 1, MTASTS_TIMEOUT_CLASS_ASK, 1);
  CU_ASSERT_EQUAL(jobs_out(), 3);
  /* What is imported differs. */
  wait_as(MTASTS_JOB_IMPORT, 1, 1, MTASTS_TIMEOUT_CLASS_ASK, 1);
  wait_as(MTASTS_JOB_IMPORT, 1, 1, MTASTS_TIMEOUT_CLASS_ASK, 1);
  CU_ASSERT_EQUAL(jobs_out(), 5);
  CU_ASSERT_TRUE(STAILQ_FIRST(&out)->waited);

  /* The job stays pending even if no waiter is left; after its end a new one is made. */
  release(first);
  release(second);
  CU_ASSERT_PTR_NOT_NULL(wait_for(1));
  CU_ASSERT_EQUAL(jobs_out(), 5);
  struct mtasts_pending_job *pending_job = mtasts_waiters_end(&waiters, STAILQ_FIRST(&out));
  CU_ASSERT_EQUAL(pending_job->counts[pending_job->client->origin], 1);
  CU_ASSERT_PTR_NOT_NULL(wait_for(1));
  CU_ASSERT_EQUAL(jobs_out(), 6);
  CU_ASSERT_EQUAL(pending_job->counts[pending_job->client->origin], 1);
  release(TAILQ_FIRST(&pending_job->waiters));
  free(pending_job);
  tear_down();
}

/* A background look-up is hurried by its first waiter, and by no other. */
static void test_hurried(void) {
  set_up();
  look_behind(1);
  CU_ASSERT_EQUAL(jobs_out(), 1);
  CU_ASSERT_FALSE(STAILQ_FIRST(&out)->waited);
  struct mtasts_waiter *first = wait_for(1);
  CU_ASSERT_EQUAL(jobs_out(), 2);
  const struct mtasts_job *told = STAILQ_NEXT(STAILQ_FIRST(&out), link);
  CU_ASSERT_TRUE(told && told->waited && !told->token);
  CU_ASSERT_PTR_EQUAL(wait_for(1)->pending_job, first->pending_job);
  CU_ASSERT_EQUAL(jobs_out(), 2);
  tear_down();
}

static void test_domain_limit(void) {
  set_up();
  for (unsigned i = 0; i < MTASTS_WAITERS_PENDING_JOB_MAX; i++)
    CU_ASSERT_PTR_NOT_NULL(wait_for(1));
  CU_ASSERT_PTR_NULL(wait_for(1));
  struct mtasts_waiter *other = wait_for(2);
  CU_ASSERT_PTR_NOT_NULL_FATAL(other);
  release(TAILQ_FIRST(&waiters.by_deadline[MTASTS_TIMEOUT_CLASS_MTA]));
  CU_ASSERT_PTR_NOT_NULL(wait_for(1));
  CU_ASSERT_PTR_NULL(wait_for(1));
  CU_ASSERT_EQUAL(jobs_out(), 2);
  tear_down();
}

/* However many wait over TCP for a domain, others may wait too, and make it more urgent. */
static void test_domain_limit_of_each_origin(void) {
  set_up();
  for (unsigned i = 0; i < MTASTS_WAITERS_PENDING_JOB_MAX; i++)
    CU_ASSERT_PTR_NOT_NULL(wait_as(MTASTS_JOB_LOOK_UP, 1, NETWORK, MTASTS_TIMEOUT_CLASS_MTA, 1));
  CU_ASSERT_PTR_NULL(wait_as(MTASTS_JOB_LOOK_UP, 1, NETWORK, MTASTS_TIMEOUT_CLASS_MTA, 1));
  CU_ASSERT_EQUAL(jobs_out(), 1);
  CU_ASSERT_PTR_NOT_NULL(wait_for(1));
  CU_ASSERT_EQUAL(jobs_out(), 2); /* it is hurried */
  tear_down();
}

/* Background look-ups leave a quarter of a client's look-ups for those that are waited for. */
static void test_pending_job_limit(void) {
  enum {
    BEHIND_MAX = MTASTS_PENDING_JOBS_CLIENT_MAX - MTASTS_PENDING_JOBS_CLIENT_MAX / 4
  };
  set_up();
  for (unsigned i = 0; i < BEHIND_MAX + 10; i++)
    look_behind(i);
  CU_ASSERT_EQUAL(jobs_out(), BEHIND_MAX);
  CU_ASSERT_FALSE(STAILQ_FIRST(&out)->waited);
  for (unsigned i = BEHIND_MAX; i < MTASTS_PENDING_JOBS_CLIENT_MAX; i++)
    CU_ASSERT_PTR_NOT_NULL(wait_for(i));
  CU_ASSERT_PTR_NULL(wait_for(MTASTS_PENDING_JOBS_CLIENT_MAX));
  release(wait_for(0));
  CU_ASSERT_EQUAL(jobs_out(), MTASTS_PENDING_JOBS_CLIENT_MAX + 1); /* that one is hurried */
  free(mtasts_waiters_end(&waiters, STAILQ_FIRST(&out)));
  CU_ASSERT_PTR_NOT_NULL(wait_for(MTASTS_PENDING_JOBS_CLIENT_MAX));
  jobs_out();
  tear_down();
}

/* Another client, and outcomes of MTAs, are still accepted. */
static void test_client_limit(void) {
  struct mtasts_domain told = {.name = "told.example", .len = 12};
  set_up();
  unsigned number = 0;
  while (wait_as(MTASTS_JOB_LOOK_UP, number, NETWORK, MTASTS_TIMEOUT_CLASS_MTA, 1))
    number++;
  CU_ASSERT_EQUAL(number, NETWORK_PENDING_JOBS);
  CU_ASSERT_EQUAL(jobs_out(), NETWORK_PENDING_JOBS);
  CU_ASSERT_TRUE(STAILQ_FIRST(&out)->network);
  CU_ASSERT_PTR_NOT_NULL(wait_for(number));
  mtasts_waiters_background_lookup(&waiters, MTASTS_JOB_RECHECK, &told, NULL);
  CU_ASSERT_EQUAL(jobs_out(), NETWORK_PENDING_JOBS + 2);

  /* A look-up that a peer over TCP began is hurried for one of a unix socket, and stays its. */
  struct mtasts_waiter *hurried = wait_for(0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(hurried);
  CU_ASSERT_EQUAL(jobs_out(), NETWORK_PENDING_JOBS + 3);
  CU_ASSERT_EQUAL(hurried->pending_job->client->origin, MTASTS_ORIGIN_NETWORK);
  CU_ASSERT_PTR_NULL(wait_as(MTASTS_JOB_LOOK_UP, 99999, NETWORK, MTASTS_TIMEOUT_CLASS_MTA, 1));
  tear_down();

  set_up();
  for (number = 0; number < MTASTS_WAITERS_CLIENT_MAX; number++)
    CU_ASSERT_PTR_NOT_NULL(wait_for(number / 4));
  CU_ASSERT_PTR_NULL(wait_for(0));
  CU_ASSERT_PTR_NOT_NULL(wait_as(MTASTS_JOB_LOOK_UP, 0, 2, MTASTS_TIMEOUT_CLASS_MTA, 1));
  release(mtasts_waiters_first(&waiters));
  CU_ASSERT_PTR_NOT_NULL(wait_for(0));
  CU_ASSERT_PTR_NULL(wait_for(0));
  jobs_out();
  tear_down();
}

/* The earliest first, even if a reload has made deadlines shorter. */
static void test_deadlines(void) {
  static const struct {
    enum mtasts_timeout_class timeout_class;
    int64_t deadline;
  } order[] = {{MTASTS_TIMEOUT_CLASS_MTA, 30}, {MTASTS_TIMEOUT_CLASS_ASK, 9},
               {MTASTS_TIMEOUT_CLASS_STS, 4},  {MTASTS_TIMEOUT_CLASS_ASK, 5},
               {MTASTS_TIMEOUT_CLASS_ASK, 7},  {MTASTS_TIMEOUT_CLASS_MTA, 31},
               {MTASTS_TIMEOUT_CLASS_STS, 40}, {MTASTS_TIMEOUT_CLASS_ASK, 2}};
  static const int64_t sorted[] = {2, 4, 5, 7, 9, 30, 31, 40};
  set_up();
  CU_ASSERT_PTR_NULL(mtasts_waiters_first(&waiters));
  for (size_t i = 0; i < sizeof order / sizeof *order; i++)
    wait_as(MTASTS_JOB_LOOK_UP, 1, 1, order[i].timeout_class, order[i].deadline);
  for (size_t i = 0; i < sizeof sorted / sizeof *sorted; i++) {
    struct mtasts_waiter *first = mtasts_waiters_first(&waiters);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_EQUAL(first->deadline, sorted[i]);
    release(first);
  }
  CU_ASSERT_PTR_NULL(mtasts_waiters_first(&waiters));
  CU_ASSERT_EQUAL(clients.waiters.total, 0);
  jobs_out();
  tear_down();
}

const struct unit_test unit_tests[] = {
    {"one job however many wait, and another after its end", test_one_job},
    {"a background look-up is hurried once", test_hurried},
    {"a domain has so many waiters and no more", test_domain_limit},
    {"of each origin", test_domain_limit_of_each_origin},
    {"background look-ups leave room for those that are waited for", test_pending_job_limit},
    {"a client leaves room for the others", test_client_limit},
    {"the earliest deadline comes first", test_deadlines},
    {NULL, NULL},
};
