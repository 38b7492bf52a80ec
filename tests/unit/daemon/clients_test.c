#include "clients.h"

#include "unit.h"

const char *const unit_name = "daemon/clients";

static struct mtasts_clients clients;

static unsigned fill_pending_jobs(enum mtasts_origin origin, uid_t uid, bool background) {
  struct mtasts_client *client = mtasts_clients_ref(&clients, origin, uid);
  unsigned count = 0;
  while (mtasts_clients_take_pending_job(&clients, client, background))
    count++;
  return count;
}

static unsigned fill_waiters(enum mtasts_origin origin, uid_t uid) {
  struct mtasts_client *client = mtasts_clients_ref(&clients, origin, uid);
  unsigned count = 0;
  while (mtasts_clients_take_waiter(&clients, client))
    count++;
  return count;
}

static void test_places(void) {
  mtasts_clients_init(&clients, 10);
  struct mtasts_client *one = mtasts_clients_ref(&clients, MTASTS_ORIGIN_SOCKETMAP, 1);
  CU_ASSERT_PTR_EQUAL(mtasts_clients_ref(&clients, MTASTS_ORIGIN_SOCKETMAP, 1), one);
  CU_ASSERT_PTR_NOT_EQUAL(mtasts_clients_ref(&clients, MTASTS_ORIGIN_ASK, 1), one);
  CU_ASSERT_PTR_NOT_EQUAL(mtasts_clients_ref(&clients, MTASTS_ORIGIN_SOCKETMAP, 2), one);
  CU_ASSERT_PTR_EQUAL(mtasts_clients_ref(&clients, MTASTS_ORIGIN_NETWORK, 3),
                      mtasts_clients_ref(&clients, MTASTS_ORIGIN_NETWORK, 4));

  /* Its connections are gone, and it stays while a look-up of its is out. */
  CU_ASSERT_TRUE(mtasts_clients_take_pending_job(&clients, one, false));
  mtasts_clients_unref(one);
  mtasts_clients_unref(one);
  CU_ASSERT_PTR_EQUAL(mtasts_clients_ref(&clients, MTASTS_ORIGIN_SOCKETMAP, 1), one);
  CU_ASSERT_EQUAL(one->pending_jobs, 1);

  /* More uids than there are places share one client. */
  for (uid_t uid = 100; uid < 100 + MTASTS_CLIENTS_MAX; uid++)
    CU_ASSERT_PTR_NOT_NULL(mtasts_clients_ref(&clients, MTASTS_ORIGIN_ASK, uid));
  struct mtasts_client *shared = mtasts_clients_ref(&clients, MTASTS_ORIGIN_ASK, 1000);
  CU_ASSERT_PTR_EQUAL(mtasts_clients_ref(&clients, MTASTS_ORIGIN_ASK, 1001), shared);
  CU_ASSERT_PTR_NOT_EQUAL(mtasts_clients_ref(&clients, MTASTS_ORIGIN_SOCKETMAP, 1001), shared);
  CU_ASSERT_PTR_EQUAL(mtasts_clients_ref(&clients, MTASTS_ORIGIN_SOCKETMAP, 1), one);
}

/* Whatever clients come, the others find what is kept for them. */
static void test_pending_jobs(void) {
  mtasts_clients_init(&clients, 1000);
  CU_ASSERT_EQUAL(fill_pending_jobs(MTASTS_ORIGIN_NETWORK, 1, true), 750);
  CU_ASSERT_EQUAL(fill_pending_jobs(MTASTS_ORIGIN_NETWORK, 2, false), 250);
  CU_ASSERT_EQUAL(fill_pending_jobs(MTASTS_ORIGIN_OUTCOME, 0, true),
                  MTASTS_PENDING_JOBS_OUTCOME_MAX - MTASTS_PENDING_JOBS_OUTCOME_MAX / 4);
  CU_ASSERT_EQUAL(fill_pending_jobs(MTASTS_ORIGIN_SOCKETMAP, 1, false),
                  MTASTS_PENDING_JOBS_CLIENT_MAX);
  CU_ASSERT_EQUAL(fill_pending_jobs(MTASTS_ORIGIN_SOCKETMAP, 2, false), 152);
  CU_ASSERT_EQUAL(fill_pending_jobs(MTASTS_ORIGIN_ASK, 1, false), MTASTS_PENDING_JOBS_RESERVED);

  mtasts_clients_init(&clients, MTASTS_PENDING_JOBS_MAX);
  for (uid_t uid = 0; uid < 8; uid++)
    fill_pending_jobs(MTASTS_ORIGIN_ASK, uid, false);
  CU_ASSERT_EQUAL(clients.pending_jobs.total,
                  MTASTS_PENDING_JOBS_MAX - 2 * MTASTS_PENDING_JOBS_RESERVED);
  CU_ASSERT_EQUAL(fill_pending_jobs(MTASTS_ORIGIN_SOCKETMAP, 1, false),
                  MTASTS_PENDING_JOBS_RESERVED);
  CU_ASSERT_EQUAL(fill_pending_jobs(MTASTS_ORIGIN_NETWORK, 1, false), MTASTS_PENDING_JOBS_RESERVED);
  CU_ASSERT_EQUAL(clients.pending_jobs.total, MTASTS_PENDING_JOBS_MAX);

  struct mtasts_client *network = mtasts_clients_ref(&clients, MTASTS_ORIGIN_NETWORK, 1);
  mtasts_clients_end_pending_job(&clients, network);
  CU_ASSERT_FALSE(mtasts_clients_take_pending_job(
      &clients, mtasts_clients_ref(&clients, MTASTS_ORIGIN_ASK, 1), false));
  CU_ASSERT_TRUE(mtasts_clients_take_pending_job(&clients, network, false));
}

static void test_waiters(void) {
  mtasts_clients_init(&clients, 10);
  CU_ASSERT_EQUAL(fill_waiters(MTASTS_ORIGIN_SOCKETMAP, 1), MTASTS_WAITERS_CLIENT_MAX);
  fill_waiters(MTASTS_ORIGIN_SOCKETMAP, 2);
  CU_ASSERT_EQUAL(clients.waiters.total, MTASTS_WAITERS_MAX - 2 * MTASTS_WAITERS_RESERVED);
  CU_ASSERT_EQUAL(fill_waiters(MTASTS_ORIGIN_NETWORK, 1), MTASTS_WAITERS_RESERVED);
  CU_ASSERT_EQUAL(fill_waiters(MTASTS_ORIGIN_ASK, 1), MTASTS_WAITERS_RESERVED);
  mtasts_clients_end_waiter(&clients, mtasts_clients_ref(&clients, MTASTS_ORIGIN_ASK, 1));
  CU_ASSERT_EQUAL(fill_waiters(MTASTS_ORIGIN_SOCKETMAP, 2), 0);
  CU_ASSERT_EQUAL(fill_waiters(MTASTS_ORIGIN_ASK, 1), 1);
}

const struct unit_test unit_tests[] = {
    {"a client for each uid and socket, one for the network", test_places},
    {"a client leaves look-ups for the others", test_pending_jobs},
    {"and room to wait", test_waiters},
    {NULL, NULL},
};
