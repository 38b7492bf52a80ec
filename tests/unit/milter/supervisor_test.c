#include "supervisor.h"

#include "log.h"
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

const char *const unit_name = "milter/supervisor";

enum {
  PATIENCE = 10000, /* milliseconds */
};

static int events[2]; /* a pipe to the test: a letter for each thing that happens */

static void tell(char event) {
  (void)!write(events[1], &event, 1);
}

/* the child's part */

static void reload(void) {
  tell('r');
}

static void check(void) {
  tell('c');
}

static void reload_and_crash(void) {
  signal(SIGABRT, SIG_DFL);
  abort();
}

__attribute__((noreturn)) static void stop(void) {
  tell('s');
  _exit(EX_OK);
}

__attribute__((noreturn)) static void stop_never(void) {
  tell('s');
  for (;;)
    pause();
}

__attribute__((noreturn)) static void stop_badly(void) {
  _exit(EX_TEMPFAIL);
}

static const struct mtasts_supervisor_commands good = {reload, check, stop};
static const struct mtasts_supervisor_commands crashes = {reload_and_crash, check, stop};
static const struct mtasts_supervisor_commands hangs = {reload, check, stop_never};
static const struct mtasts_supervisor_commands fails = {reload, check, stop_badly};

/* the supervisor's part */

static void ready(void) {
  tell('R');
}

/* Starts a supervisor with such a child, or with one that ends itself at once with this code. */
static pid_t start(const struct mtasts_supervisor_commands *commands, int code) {
  fflush(NULL);
  CU_ASSERT_EQUAL_FATAL(pipe(events), 0);
  pid_t pid = fork();
  if (pid > 0) {
    close(events[1]);
    return pid;
  }
  struct mtasts_supervisor supervisor;
  mtasts_log_open("keeper", MTASTS_LOG_STDERR, MTASTS_LOG_ERROR);
  close(events[0]);
  close(STDERR_FILENO);
  if (!mtasts_supervisor_fork(&supervisor))
    _exit(EX_OSERR);
  if (supervisor.child > 0)
    _exit(mtasts_supervisor_watch(&supervisor, ready));
  if (!commands)
    _exit(code);
  if (getpgrp() != getpid() || !mtasts_supervisor_serve(&supervisor, commands))
    _exit(EX_OSERR);
  for (;;)
    pause();
}

/* The next event; '.' once all processes that could send one have ended, '?' none came. */
static char event(void) {
  struct pollfd wanted = {.fd = events[0], .events = POLLIN};
  char got = '?';
  if (poll(&wanted, 1, PATIENCE) == 1)
    return read(events[0], &got, 1) == 1 ? got : '.';
  return got;
}

/* What the supervisor exits with; -1 by a signal. Its child is gone then, too. */
static int code_of(pid_t supervisor) {
  int status;
  CU_ASSERT_EQUAL(waitpid(supervisor, &status, 0), supervisor);
  CU_ASSERT_EQUAL(event(), '.');
  close(events[0]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void reloads_and_stops(void) {
  static const int ends[] = {SIGTERM, SIGINT};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    pid_t supervisor = start(&good, 0);
    CU_ASSERT_EQUAL(event(), 'R');
    for (int n = 0; n < 50; n++) {
      kill(supervisor, SIGHUP);
      CU_ASSERT_EQUAL(event(), 'r');
    }
    kill(supervisor, ends[i]);
    CU_ASSERT_EQUAL(event(), 's');
    CU_ASSERT_EQUAL(code_of(supervisor), EX_OK);
  }
}

/* Whatever comes meanwhile; and no answer to it is taken for that to a reload. */
static void checks(void) {
  pid_t supervisor = start(&good, 0);
  CU_ASSERT_EQUAL(event(), 'R');
  char first = event();
  unit_check(first == 'c' || first == '?', "%c", first); /* it comes after just as long */
  CU_ASSERT(first == 'c' || event() == 'c');
  kill(supervisor, SIGHUP);
  CU_ASSERT_EQUAL(event(), 'r');
  kill(supervisor, SIGTERM);
  CU_ASSERT_EQUAL(event(), 's');
  CU_ASSERT_EQUAL(code_of(supervisor), EX_OK);
}

static void at_once(void) {
  pid_t supervisor = start(&good, 0);
  CU_ASSERT_EQUAL(event(), 'R');
  kill(supervisor, SIGHUP);
  kill(supervisor, SIGTERM);
  char first = event();
  CU_ASSERT(first == 'r' || first == 's');
  CU_ASSERT(first == 's' || event() == 's');
  CU_ASSERT_EQUAL(code_of(supervisor), EX_OK);
}

static void told_twice(void) {
  pid_t supervisor = start(&hangs, 0);
  CU_ASSERT_EQUAL(event(), 'R');
  kill(supervisor, SIGTERM);
  CU_ASSERT_EQUAL(event(), 's');
  kill(supervisor, SIGHUP); /* is no end, and waits for nothing */
  kill(supervisor, SIGTERM);
  CU_ASSERT_EQUAL(code_of(supervisor), EX_SOFTWARE);
}

static void child_ends(void) {
  pid_t supervisor = start(&crashes, 0);
  CU_ASSERT_EQUAL(event(), 'R');
  kill(supervisor, SIGHUP);
  CU_ASSERT_EQUAL(code_of(supervisor), EX_SOFTWARE);

  supervisor = start(&fails, 0);
  CU_ASSERT_EQUAL(event(), 'R');
  kill(supervisor, SIGTERM);
  CU_ASSERT_EQUAL(code_of(supervisor), EX_TEMPFAIL);

  /* The child ended before it served: no readiness is reported. */
  CU_ASSERT_EQUAL(code_of(start(NULL, EX_UNAVAILABLE)), EX_UNAVAILABLE);
  CU_ASSERT_EQUAL(code_of(start(NULL, EX_OK)), EX_SOFTWARE);
}

static void keeper_killed(void) {
  pid_t supervisor = start(&good, 0);
  CU_ASSERT_EQUAL(event(), 'R');
  kill(supervisor, SIGKILL);
  CU_ASSERT_EQUAL(event(), 's');
  CU_ASSERT_EQUAL(code_of(supervisor), -1);
}

const struct unit_test unit_tests[] = {{"reloads and stops", reloads_and_stops},
                                       {"the child is ordered to check from time to time", checks},
                                       {"several signals at once", at_once},
                                       {"a second request to stop ends it", told_twice},
                                       {"a child that ends", child_ends},
                                       {"a child whose keeper is killed", keeper_killed},
                                       {NULL, NULL}};
