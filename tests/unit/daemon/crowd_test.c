/* The front loop with ten thousand idle clients. */
#include "front.h"

#include "front_fixture.h"

#include <sys/resource.h>

const char *const unit_name = "daemon/crowd";

static const enum mtasts_socket_kind MTA = MTASTS_SOCKET_SOCKETMAP;
static const char SECURE[] = "OK secure match=mx1.example.com:.example.com servername=hostname";

/* Descriptors. If the system allows fewer, the test is skipped, and fails if CI is set. */
static bool may_open(rlim_t count) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= count)
    return true;
  limit.rlim_cur = count;
  if (limit.rlim_max < count)
    limit.rlim_max = count;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
    return true;
  unit_skip("no more than %lu of %lu descriptors: raise the hard limit (ulimit -Hn)",
            (unsigned long)limit.rlim_max, (unsigned long)count);
  return false;
}

/* Idle connections, in a child with descriptors of its own. After a byte on `told`, the first and
 * the last one ask; exits with 0 if both are answered. */
static int hold_crowd(int size, int told) {
  int first = enter(MTA);
  int last = first;
  char c;
  for (int i = 1; i < size; i++)
    last = enter(MTA);
  if (read(told, &c, 1) != 1)
    return 2;
  say(first, "postfix a.example");
  say(last, "postfix a.example");
  return hear_within(first, PATIENCE_MS) && strcmp(payload, SECURE) == 0 &&
                 hear_within(last, PATIENCE_MS) && strcmp(payload, SECURE) == 0
             ? 0
             : 3;
}

static void test_crowd(void) {
  enum {
    CROWD = 10000
  };
  struct sample sample;
  int told[2];
  int status = -1;
  if (!may_open(CROWD + 200))
    return;
  front_up("");
  known("a.example", governing(&sample));
  CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
  pid_t child = fork();
  if (child == 0)
    _exit(hold_crowd(CROWD, told[0]));
  for (int i = 0; i < PATIENCE_MS && counted(MTASTS_COUNT_CONNECTIONS) < CROWD; i++)
    usleep(1000);
  int fd = enter(MTA);
  for (int i = 0; i < 101; i++) {
    say(fd, "postfix a.example");
    expect(fd, SECURE);
  }
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_CONNECTIONS), CROWD + 1);
  CU_ASSERT_EQUAL(write(told[1], "x", 1), 1);
  waitpid(child, &status, 0);
  CU_ASSERT_EQUAL(status, 0);
  close(fd);
  close(told[0]);
  close(told[1]);
  front_down();
}

const struct unit_test unit_tests[] = {
    {"10,000 idle connections, and another is answered", test_crowd},
    {NULL, NULL},
};
