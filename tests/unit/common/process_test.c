#include "process.h"

#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const unit_name = "common/process";

/* In a child, which reports by its exit code: 0, or the step that failed. */
static int in_child(int (*run)(int), int argument) {
  int status = -1;
  pid_t child = fork();
  if (child == 0)
    _exit(run(argument));
  CU_ASSERT(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* closed: a bit a descriptor. */
static int start_without(int closed) {
  char byte;
  for (int fd = 0; fd <= 2; fd++)
    if (closed & (1 << fd))
      close(fd);
  mtasts_process_begin();
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) != 0)
      return 10 + fd;
  if (dup(2) <= 2)
    return 1;
  /* The call gives neither an end of file nor a successful write. */
  if ((closed & 1) && read(0, &byte, 1) >= 0)
    return 2;
  for (int fd = 1; fd <= 2; fd++)
    if ((closed & (1 << fd)) && write(fd, "", 1) >= 0)
      return 2 + fd;
  return 0;
}

static void closed_descriptors_are_taken(void) {
  for (int closed = 0; closed < 8; closed++) {
    int step = in_child(start_without, closed);
    unit_check(step == 0, "closed %d%d%d: step %d", closed & 1, closed >> 1 & 1, closed >> 2, step);
  }
}

static int keep_output(int out) {
  dup2(out, 1);
  dup2(out, 2);
  mtasts_process_begin();
  return write(1, "a", 1) == 1 && write(2, "b", 1) == 1 ? 0 : 1;
}

static void open_ones_stay(void) {
  int ends[2];
  char got[4] = "";
  CU_ASSERT_FATAL(pipe(ends) == 0);
  CU_ASSERT_EQUAL(in_child(keep_output, ends[1]), 0);
  CU_ASSERT_EQUAL(read(ends[0], got, sizeof got), 2);
  CU_ASSERT_STRING_EQUAL(got, "ab");
  close(ends[0]);
  close(ends[1]);
}

static int start_a_child(int unused) {
  int status;
  (void)unused;
  signal(SIGCHLD, SIG_IGN);
  mtasts_process_begin();
  pid_t child = fork();
  if (child == 0)
    _exit(7);
  return waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7 ? 0 : 1;
}

static void children_can_be_waited_for(void) {
  CU_ASSERT_EQUAL(in_child(start_a_child, 0), 0);
}

/* With that limit: the shares and the reserve are no more than it, and none is empty. */
static int share(int max) {
  struct rlimit limit = {.rlim_cur = (rlim_t)max / 2, .rlim_max = (rlim_t)max};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    return 1;
  mtasts_process_raise_descriptors();
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != (rlim_t)max)
    return 2;
  struct mtasts_descriptors shares = mtasts_process_descriptors();
  unsigned sum = MTASTS_DESCRIPTORS_RESERVE + shares.peers + shares.queries +
                 shares.lookups * MTASTS_DESCRIPTORS_LOOKUP;
  if (shares.peers < 6 || shares.queries < 6 || shares.lookups < 3)
    return 3;
  if (max >= 70 && (sum > (unsigned)max || sum + 6 < (unsigned)max))
    return 4;
  return 0;
}

static void descriptors(void) {
  const int limits[] = {32, 64, 70, 100, 256, 512, 1024, 4096, 20000};
  struct rlimit mine;
  CU_ASSERT(getrlimit(RLIMIT_NOFILE, &mine) == 0);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    int step = (rlim_t)limits[i] <= mine.rlim_max ? in_child(share, limits[i]) : 0;
    unit_check(step == 0, "a limit of %d: step %d", limits[i], step);
  }
}

const struct unit_test unit_tests[] = {
    {"standard descriptors that are closed are taken", closed_descriptors_are_taken},
    {"those that are open stay as they are", open_ones_stay},
    {"children can be waited for", children_can_be_waited_for},
    {"descriptors are shared out", descriptors},
    {NULL, NULL}};
