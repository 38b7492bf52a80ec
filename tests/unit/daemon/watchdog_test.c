#include "watchdog.h"

#include "../cache/fixture.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "service.h"

const char *const unit_name = "daemon/watchdog";

static struct {
  struct mtasts_stats stats;
  struct mtasts_queue queues[MTASTS_LOOPS];
  struct mtasts_watchdog watchdog;
  int systemd;
} fixture;

static void fixture_up(void) {
  char name[64];
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  memset(&fixture, 0, sizeof fixture);
  fixture.watchdog.health.stats = &fixture.stats;
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++) {
    CU_ASSERT_TRUE_FATAL(mtasts_queue_init(&fixture.queues[loop]));
    fixture.watchdog.health.inboxes[loop] = &fixture.queues[loop];
  }
  snprintf(name, sizeof name, "@mtasts-watchdog-%d", getpid());
  memcpy(at.sun_path + 1, name + 1, strlen(name) - 1);
  fixture.systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  CU_ASSERT_EQUAL_FATAL(bind(fixture.systemd, (const struct sockaddr *)&at,
                             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                        0);
  setenv("NOTIFY_SOCKET", name, 1);
}

static void fixture_down(void) {
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++)
    mtasts_queue_destroy(&fixture.queues[loop]);
  close(fixture.systemd);
  unsetenv("NOTIFY_SOCKET");
}

/* One step; was systemd notified? */
static bool tells(void) {
  char got[64];
  mtasts_watchdog_step(&fixture.watchdog);
  ssize_t n = recv(fixture.systemd, got, sizeof got - 1, 0);
  got[n > 0 ? n : 0] = '\0';
  CU_ASSERT(n <= 0 || strcmp(got, "WATCHDOG=1") == 0);
  return n > 0;
}

static void loops_answer(void) {
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++)
    mtasts_loop_seen(&fixture.stats, loop);
}

static void tells_while_loops_move(void) {
  fixture_up();
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_TRUE(tells());
    loops_answer();
  }
  for (enum mtasts_loop hangs = 0; hangs < MTASTS_LOOPS; hangs++) {
    CU_ASSERT_TRUE(tells());
    mtasts_loop_seen(&fixture.stats,
                     hangs == MTASTS_LOOP_FRONT ? MTASTS_LOOP_NET : MTASTS_LOOP_FRONT);
    atomic_store(&fixture.stats.seen[hangs], 0);
    fixture.watchdog.health.asked[hangs] -= MTASTS_HEALTH_SILENCE_MS - 5000;
    CU_ASSERT_TRUE(tells()); /* slow, but it moves */
    fixture.watchdog.health.asked[hangs] -= 6000;
    CU_ASSERT_FALSE(tells());
    loops_answer();
    CU_ASSERT_TRUE(tells());
    loops_answer();
  }
  fixture_down();
}

static int64_t wanted(const char *usec, const char *pid) {
  char self[32];
  snprintf(self, sizeof self, "%d", getpid());
  if (usec)
    setenv("WATCHDOG_USEC", usec, 1);
  if (pid)
    setenv("WATCHDOG_PID", *pid ? pid : self, 1);
  int64_t got = mtasts_service_watchdog();
  CU_ASSERT(!getenv("WATCHDOG_USEC") && !getenv("WATCHDOG_PID"));
  return got;
}

static void systemd_s_variables(void) {
  CU_ASSERT_EQUAL(wanted(NULL, NULL), 0);
  CU_ASSERT_EQUAL(wanted("120000000", ""), 120000);
  CU_ASSERT_EQUAL(wanted("120000000", NULL), 120000);
  CU_ASSERT_EQUAL(wanted("86400000000", ""), 86400000);
  CU_ASSERT_EQUAL(wanted("120000000", "1"), 0);
  CU_ASSERT_EQUAL(wanted("-5", ""), 0);
  CU_ASSERT_EQUAL(wanted("nonsense", ""), 0);
}

const struct unit_test unit_tests[] = {
    {"systemd is notified for as long as both loops move", tells_while_loops_move},
    {"what systemd wants", systemd_s_variables},
    {NULL, NULL}};
