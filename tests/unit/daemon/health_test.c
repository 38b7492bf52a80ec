#include "health.h"

#include "../cache/fixture.h"

const char *const unit_name = "daemon/health";

static struct {
  char path[32];
  struct mtasts_store *store;
  struct mtasts_stats stats;
  struct mtasts_queue queues[MTASTS_LOOPS];
  struct mtasts_health health;
} fixture;

static void fixture_up(void) {
  memset(&fixture, 0, sizeof fixture);
  directory_new(fixture.path);
  fixture.store = store_open(fixture.path);
  fixture.health =
      (struct mtasts_health){.stats = &fixture.stats, .cache = mtasts_store_cache(fixture.store)};
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++) {
    CU_ASSERT_TRUE_FATAL(mtasts_queue_init(&fixture.queues[loop]));
    fixture.health.inboxes[loop] = &fixture.queues[loop];
  }
}

static void fixture_down(void) {
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++)
    mtasts_queue_destroy(&fixture.queues[loop]);
  mtasts_store_close(fixture.store);
  directory_free(fixture.path);
}

/* The pings in a loop's inbox, which are read. */
static unsigned pings(enum mtasts_loop loop) {
  struct mtasts_jobs jobs = STAILQ_HEAD_INITIALIZER(jobs);
  unsigned count = 0;
  mtasts_queue_take(&fixture.queues[loop], &jobs);
  for (struct mtasts_job *job; (job = STAILQ_FIRST(&jobs)); mtasts_job_free(job)) {
    STAILQ_REMOVE_HEAD(&jobs, link);
    CU_ASSERT_EQUAL(job->kind, MTASTS_JOB_PING);
    count++;
  }
  return count;
}

static void says(bool well, const char *expected) {
  char words[MTASTS_HEALTH_TEXT];
  bool is = mtasts_health_check(&fixture.health, words);
  unit_check(is == well && strcmp(words, expected) == 0, "%d, %s, in place of %s", is, words,
             expected);
}

static void loops_are_asked_in_turn(void) {
  fixture_up();
  says(true, "ok\n");
  mtasts_health_ask(&fixture.health);
  mtasts_health_ask(&fixture.health);
  CU_ASSERT_EQUAL(pings(MTASTS_LOOP_FRONT), 1);
  CU_ASSERT_EQUAL(pings(MTASTS_LOOP_NET), 1);
  mtasts_loop_seen(&fixture.stats, MTASTS_LOOP_FRONT);
  mtasts_health_ask(&fixture.health);
  CU_ASSERT_EQUAL(pings(MTASTS_LOOP_FRONT), 1);
  CU_ASSERT_EQUAL(pings(MTASTS_LOOP_NET), 0);
  says(true, "ok\n");
  fixture_down();
}

static void a_loop_that_hangs_is_told(void) {
  fixture_up();
  mtasts_health_ask(&fixture.health);
  mtasts_loop_seen(&fixture.stats, MTASTS_LOOP_FRONT);
  fixture.health.asked[MTASTS_LOOP_NET] -= MTASTS_HEALTH_SILENCE_MS - 5000;
  says(true, "ok\n");
  CU_ASSERT_EQUAL(mtasts_health_silence(&fixture.health, MTASTS_LOOP_FRONT), 0);
  CU_ASSERT(mtasts_health_silence(&fixture.health, MTASTS_LOOP_NET) >= 25000);
  fixture.health.asked[MTASTS_LOOP_NET] -= 6000;
  says(false, "the net loop has not moved for 31 seconds\n");
  mtasts_loop_seen(&fixture.stats, MTASTS_LOOP_NET);
  says(true, "ok\n");
  fixture_down();
}

static void a_cache_that_fails_is_told(void) {
  fixture_up();
  atomic_store(&fixture.stats.store_fails, true);
  says(false, "the cache cannot be written: see the log\n");
  atomic_store(&fixture.stats.store_fails, false);
  /* A child may not use what its parent has opened. */
  int status = -1;
  pid_t child = fork();
  if (child == 0) {
    char words[MTASTS_HEALTH_TEXT];
    bool well = mtasts_health_check(&fixture.health, words);
    _exit(!well && strncmp(words, "the cache cannot be read: ", 26) == 0 ? 0 : 1);
  }
  waitpid(child, &status, 0);
  CU_ASSERT_EQUAL(status, 0);
  says(true, "ok\n");
  fixture_down();
}

static void what_is_not_open_is_told(void) {
  static struct mtasts_listeners listeners;
  struct mtasts_cache_location location = {.directory = "/var/lib/x"};
  fixture_up();
  fixture.health.listeners = &listeners;
  fixture.health.location = &location;
  listeners.address_count = 2;
  listeners.addresses[0].open = true;
  listeners.addresses[1].open = true;
  says(true, "ok\n");
  listeners.addresses[1].open = false;
  snprintf(listeners.addresses[1].why, sizeof listeners.addresses[1].why,
           "inet:127.0.0.1:1: taken");
  says(false, "inet:127.0.0.1:1: taken\n");
  location.lost = true;
  says(false, "the cache /var/lib/x was renamed or removed: put it back, or restart mtastsd\n"
              "inet:127.0.0.1:1: taken\n");
  fixture_down();
}

const struct unit_test unit_tests[] = {
    {"each loop is asked again when it has answered", loops_are_asked_in_turn},
    {"a loop that has not moved for half a minute is reported", a_loop_that_hangs_is_told},
    {"a cache that cannot be written, or read, is reported", a_cache_that_fails_is_told},
    {"so is a socket that is not open, and a cache that is not in its place",
     what_is_not_open_is_told},
    {NULL, NULL}};
