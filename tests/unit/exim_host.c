/*
 * exim_host.c: a program that stands in for Exim: it exports Exim's local_scan API, loads
 * exim-mtasts.so and calls its functions, so that both can run under the sanitizers. Each case runs
 * in a child, since the plugin's state lives as long as its process.
 */
#include <local_scan.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exim_checks.h"
#include "exim_fixture.h"
#include "exim_offers.h"
#include "unit.h"

const char *const unit_name = "plugin/exim_host";

/* Calls */

static const char *const functions[] = {"mtasts_policy", "mtasts_cert",     "mtasts_event",
                                        "mtasts_mode",   "mtasts_mx_ok",    "mtasts_version",
                                        "mtasts_mx",     "mtasts_unlisted", "mtasts_preload"};
enum {
  FUNCTIONS = sizeof functions / sizeof *functions,
  ARGS_MAX = 10,
};

/* The plugin is at the top of the build folder, this program in its tests/unit/plugin. */
static exim_dlfunc_t *function(const char *name) {
  static void *handle;
  if (!handle) {
    char self[4096] = "";
    char path[4128];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    for (int up = 0; len > 0 && up < 4; up++)
      *strrchr(self, '/') = '\0';
    snprintf(path, sizeof path, "%s/exim-mtasts.so", self);
    handle = dlopen(path, RTLD_LAZY);
    if (!handle) {
      printf("%s\n", dlerror());
      exit(99);
    }
  }
  return (exim_dlfunc_t *)(uintptr_t)dlsym(handle, name);
}

static const char *call_count(const char *name, int argc, uschar **argv) {
  struct exim_process before = exim_observe();
  char **environment = environ;
  uschar *yield = NULL;
  int status = function(name)(&yield, argc, argv);
  check(status == OK, "%s of %d: returns %d", name, argc, status);
  check(yield != NULL, "%s of %d: yields nothing", name, argc);
  check(!yield || yield == exim_stored->bytes, "%s of %d: not of Exim's store", name, argc);
  check(environ == environment, "%s: environment changed", name);
  exim_check_process(&before, name);
  return yield ? CCS yield : "";
}

/* The function's name, its arguments and NULL. */
static const char *call_texts(const char *const *texts) {
  uschar *argv[ARGS_MAX + 1] = {NULL};
  int argc = 0;
  for (; texts[argc + 1]; argc++)
    argv[argc] = (uschar *)(uintptr_t)texts[argc + 1];
  return call_count(texts[0], argc, argv);
}
#define call(...) call_texts((const char *const[]){__VA_ARGS__, NULL})

static bool starts(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

static void expect(const char *text, const char *start) {
  check(starts(text, start), "%s\nin place of\n%s", text, start);
}

static struct fixture fixture;

static void case_in_child(void (*run)(void), enum fixture_daemon daemon, const char *more) {
  fixture_up(&fixture, daemon, more);
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    run();
    exit(exim_bad > 0); /* not _exit: LeakSanitizer looks */
  }
  int status = 0;
  CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
  unit_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "daemon %d: status %#x", daemon,
             (unsigned)status);
  fixture_down(&fixture);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* arguments */

static void call_all(void) {
  static char long_text[10241];
  memset(long_text, 'a', sizeof long_text - 1);
  char *const texts[] = {"enforce.example", "",          long_text,   "a\"b.example",
                         "a\nb.example",    "\xff\xfe.", "::: : .",   "tcp:close",
                         "%s%n%x",          "${run{x}}", "[1.2.3.4]", "\xc3\xbc.example"};
  for (size_t f = 0; f < FUNCTIONS; f++) {
    call_count(functions[f], 0, NULL);
    call_count(functions[f], 3, NULL);
    call_count(functions[f], -1, NULL);
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
      uschar *argv[ARGS_MAX] = {NULL};
      for (int argc = 0; argc < ARGS_MAX; argc++) {
        const char *got = call_count(functions[f], argc, argv);
        check(strlen(got) < 65536, "%s: %zu bytes", functions[f], strlen(got));
        argv[argc] = (uschar *)texts[t];
        argv[argc / 2] = (uschar *)texts[(t + (size_t)argc) % (sizeof texts / sizeof *texts)];
      }
    }
  }
}

static void run_refusals(void) {
  uschar *argv[ARGS_MAX];
  for (int i = 0; i < ARGS_MAX; i++)
    argv[i] = (uschar *)(uintptr_t) "enforce.example";
  for (int argc = 8; argc < ARGS_MAX; argc++) {
    expect(call_count("mtasts_policy", argc, argv), "mode=tempfail ");
    expect(call_count("mtasts_cert", argc, argv), "MTA-STS: more than seven");
    check(*call_count("mtasts_event", argc, argv) == '\0', "event");
    expect(call_count("mtasts_mode", argc, argv), "defer");
    expect(call_count("mtasts_mx_ok", argc, argv), "no");
    expect(call_count("mtasts_version", argc, argv), MTASTS_VERSION);
    check(*call_count("mtasts_mx", argc, argv) == '\0', "mx");
    expect(call_count("mtasts_unlisted", argc, argv), "*");
    check(*call_count("mtasts_preload", argc, argv) == '\0', "preload");
  }
  expect(call("mtasts_policy"), "mode=tempfail ");
  expect(call("mtasts_policy", ""), "mode=tempfail ");
  expect(call("mtasts_policy", "[1.2.3.4]"), "mode=none ");
  expect(call("mtasts_policy", "not a domain"), "mode=none ");
}

static void test_arguments(void) {
  case_in_child(call_all, FIXTURE_ABSENT, "");
  case_in_child(call_all, FIXTURE_ANSWERS, "");
  case_in_child(run_refusals, FIXTURE_ANSWERS, "");
}

/* configuration */

static void run_broken_config(void) {
  expect(call("mtasts_policy", "enforce.example"), "mode=tempfail id=\"\"");
  check(strstr(call("mtasts_policy", "enforce.example"), "mtasts.conf") != NULL,
        "the file is not named");
  expect(call("mtasts_cert", "enforce.example", "mx1.good.example", "mx1.good.example"),
         "MTA-STS: ");
  expect(call("mtasts_mode", "enforce.example"), "defer");
  expect(call("mtasts_mx_ok", "enforce.example", "mx1.good.example"), "no");
  call_all();
  check(exim_log_lines == 1, "%u log lines: %s", exim_log_lines, exim_logged);
}

static void run_without_config(void) {
  unlink(getenv("MTASTS_CONFIG"));
  run_broken_config();
}

/* Exim reads its configuration, and with it the plugin's, in the process that forks the deliveries.
 */
static void in_fork(void (*run)(void)) {
  pid_t pid = fork();
  if (pid == 0) {
    run();
    exit(exim_bad > 0);
  }
  int status = 1;
  check(waitpid(pid, &status, 0) == pid && status == 0, "child: %#x", (unsigned)status);
}

static void write_config(const char *text) {
  FILE *file = fopen(getenv("MTASTS_CONFIG"), "w");
  check(file && fputs(text, file) >= 0 && fclose(file) == 0, "cannot write mtasts.conf");
}
static void enforces(void) {
  expect(call("mtasts_policy", "enforce.example"), "mode=enforce ");
  expect(call("mtasts_policy", "p7.example"), "mode=enforce ");
}
static void defers(void) {
  expect(call("mtasts_policy", "enforce.example"), "mode=tempfail ");
  check(exim_log_lines == 1, "%u log lines: %s", exim_log_lines, exim_logged);
}

static void run_preloaded(void) {
  call("mtasts_preload");
  in_fork(enforces);
  write_config("nonsense = 1");
  in_fork(defers);
  write_config("override \"enforce.example\" { mode = ");
  call("mtasts_preload");
  check(exim_log_lines == 0, "the one that only preloads logs: %s", exim_logged);
  in_fork(defers);
}

static void test_config(void) {
  case_in_child(run_preloaded, FIXTURE_ANSWERS, "");
  case_in_child(run_broken_config, FIXTURE_ANSWERS, "nonsense = 1");
  case_in_child(run_broken_config, FIXTURE_ANSWERS, "override \"x\" { mode = ");
  case_in_child(run_without_config, FIXTURE_ANSWERS, "");
}

/* the daemon */

static void run_answers(void) {
  expect(call("mtasts_policy", "enforce.example"), "mode=enforce id=\"id1\" expires=\"20");
  check(!exim_stored->tainted, "Exim would refuse a tainted list");
  expect(call("mtasts_mode", "Enforce.Example."), "enforce");
  expect(call("mtasts_policy", "unknown.example"),
         "mode=none id=\"\" expires=\"\" ignore=\"\" unknown=yes");
  expect(call("mtasts_mode", "unknown.example"), "unknown");
  expect(call("mtasts_policy", "deferred.example"),
         "mode=tempfail id=\"\" expires=\"\" ignore=\"\" unknown=yes reason=\"MTA-STS: ");
  check(exim_stored->tainted, "the domain was laundered");
  expect(call("mtasts_policy", "monitor.example"), "mode=testing ");
  expect(call("mtasts_policy", "none.example"), "mode=none ");
  expect(call("mtasts_mx_ok", "enforce.example", "mx1.good.example"), "yes");
  expect(call("mtasts_mx_ok", "enforce.example", "mx2.good.example"), "no");
  expect(call("mtasts_mx_ok", "monitor.example", "mx2.good.example"), "yes");
  check(*call("mtasts_cert", "enforce.example", "*.wild.example", "a.wild.example") == '\0',
        "a good certificate was refused");
  expect(call("mtasts_cert", "enforce.example", "*.wild.example", "mx1.good.example"),
         "MTA-STS: the certificate of mx1.good.example is not for that name");
  check(exim_stored->tainted, "the host was laundered");
  expect(call("mtasts_cert", "unknown.example", "mx1.good.example", "mx1.good.example"),
         "MTA-STS: nothing is known");
  check(exim_log_lines == 0, "%s", exim_logged);
}

/* Whatever the daemon does, the answer comes in time, and the next one at once. */
static void run_bad_daemon(void) {
  double start = seconds();
  const char *got = call("mtasts_policy", "enforce.example");
  check(seconds() - start < 2, "took %.1f s", seconds() - start);
  check(starts(got, "mode=none ") && strstr(got, "unknown=yes"), "%s", got);
  start = seconds();
  call("mtasts_policy", "other.example");
  check(seconds() - start < 0.1, "asked again: %.1f s", seconds() - start);
  check(exim_log_lines == 1, "%u log lines: %s", exim_log_lines, exim_logged);
}

static void run_random(void) {
  for (unsigned i = 0; i < 4; i++) /* what is wrong with it may be no more than a time */
    call("mtasts_policy", "enforce.example");
}

static void test_daemon(void) {
  case_in_child(run_answers, FIXTURE_ANSWERS, "");
  for (int daemon = FIXTURE_ABSENT; daemon < FIXTURE_DAEMONS; daemon++)
    if (daemon != FIXTURE_ANSWERS && daemon != FIXTURE_RANDOM)
      for (int i = 0; i < (daemon == FIXTURE_NONSENSE ? 11 : 1); i++)
        case_in_child(run_bad_daemon, (enum fixture_daemon)daemon, "");
  for (int i = 0; i < 20; i++)
    case_in_child(run_random, FIXTURE_RANDOM, "");
}

/* the cache */

static void run_cache(void) {
  fixture_cache(&fixture);
  expect(call("mtasts_policy", "enforce.example"), "mode=enforce id=\"id1\" expires=\"20");
  check(strstr(call("mtasts_policy", "big.example"), "!^mx199[.]big[.]example$ ; *") != NULL,
        "the big policy");
  expect(call("mtasts_policy", "fresh.example"), "mode=none id=\"\" expires=\"\" ignore=\"\"");
  check(!strstr(call("mtasts_policy", "fresh.example"), "unknown"), "fresh is known");
  static const char *const unknown[] = {"lapsed.example", "expired.example", "never.example"};
  for (size_t i = 0; i < 3; i++)
    check(strstr(call("mtasts_policy", unknown[i]), "unknown=yes") != NULL, "%s", unknown[i]);
}

static void run_settings(void) {
  fixture_cache(&fixture);
  expect(call("mtasts_policy", "enforce.example"), "mode=testing id=\"id1\"");
  expect(call("mtasts_policy", "over.example"), "mode=testing id=\"override\" expires=\"\"");
  expect(call("mtasts_mode", "p1.example"), "none");
}

static void run_defer(void) {
  fixture_cache(&fixture);
  expect(call("mtasts_policy", "never.example"), "mode=tempfail ");
  expect(call("mtasts_mx_ok", "never.example", "mx.never.example"), "no");
  expect(call("mtasts_policy", "enforce.example"), "mode=enforce ");
}

/* What Exim's user may not read, root does not read for it. */
static void run_forbidden(void) {
  fixture_cache(&fixture);
  CU_ASSERT_EQUAL(chmod(fixture.cache, 0700), 0);
  check(strstr(call("mtasts_policy", "enforce.example"), "unknown=yes") != NULL,
        "read with root's rights");
}

static void test_cache(void) {
  case_in_child(run_cache, FIXTURE_ABSENT, "");
  case_in_child(run_settings, FIXTURE_ABSENT,
                "site_mode = monitor\noverride \"over.example\" { mode = enforce mx = "
                "{\"mx.over.example\"} }\noverride \"p1.example\" { mode = none }");
  case_in_child(run_defer, FIXTURE_ABSENT, "ask { on_unknown = defer }");
  if (geteuid() == 0)
    case_in_child(run_forbidden, FIXTURE_ABSENT, "");
}

static void expect_unharmed(void) {
  for (size_t f = 0; f < FUNCTIONS; f++)
    call(functions[f], "enforce.example", "mx1.good.example", "mx1.good.example");
  call("mtasts_policy", "big.example");
}

static void expect_unknown(void) {
  const char *got = call("mtasts_policy", "enforce.example");
  check(strstr(got, "unknown=yes") != NULL, "%s", got);
  expect_unharmed();
}

static unsigned step; /* of a series of damages */

static void run_truncated(void) {
  char path[FIXTURE_PATH];
  struct stat found;
  fixture_cache(&fixture);
  fixture_file(&fixture, "cache/data.mdb", path);
  CU_ASSERT_EQUAL(stat(path, &found), 0);
  CU_ASSERT_EQUAL(truncate(path, found.st_size * step / 20), 0);
  expect_unknown();
}

static void run_garbage(void) {
  static unsigned char garbage[4096];
  char path[FIXTURE_PATH];
  fixture_cache(&fixture);
  fixture_file(&fixture, "cache/data.mdb", path);
  memset(garbage, step % 2 ? 0xff : 0x41, sizeof garbage);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  check(pwrite(fd, garbage, step % 3 ? 4096 : 4080, step / 2 * 4096 + (step % 3 ? 0 : 16)) > 0,
        "pwrite");
  close(fd);
  expect_unharmed();
}

static void run_not_a_file(void) {
  char path[FIXTURE_PATH];
  char away[FIXTURE_PATH];
  fixture_cache(&fixture);
  fixture_file(&fixture, "cache/data.mdb", path);
  fixture_file(&fixture, "cache/away", away);
  CU_ASSERT_EQUAL(rename(path, away), 0);
  int rc = step == 0   ? symlink("away", path)
           : step == 1 ? mkfifo(path, 0666)
           : step == 2 ? mkdir(path, 0777)
                       : 0;
  check(rc == 0, "step %u", step);
  expect_unknown();
  check(step < 3 || access(path, F_OK) != 0, "%s was made", path);
}

/* A reader of one domain does not need the lock file. */
static void run_lock(void) {
  char path[FIXTURE_PATH];
  fixture_cache(&fixture);
  fixture_file(&fixture, "cache/lock.mdb", path);
  check(unlink(path) == 0 && (step == 0 || mkfifo(path, 0666) == 0), "step %u", step);
  expect(call("mtasts_policy", "enforce.example"), "mode=enforce ");
  check(step > 0 || access(path, F_OK) != 0, "%s was made", path);
}

static void test_bad_cache(void) {
  for (step = 0; step < 20; step++)
    case_in_child(run_truncated, FIXTURE_ABSENT, "");
  for (step = 0; step < 80; step++)
    case_in_child(run_garbage, FIXTURE_ABSENT, "");
  for (step = 0; step < 4; step++)
    case_in_child(run_not_a_file, FIXTURE_ABSENT, "");
  for (step = 0; step < 2; step++)
    case_in_child(run_lock, FIXTURE_ABSENT, "");
  case_in_child(expect_unknown, FIXTURE_ABSENT, ""); /* no cache at all */
}

/* descriptors, forks */

/* So many descriptors are left, from none on. */
static void run_exhausted(void) {
  uschar *argv[] = {(uschar *)(uintptr_t) "enforce.example", (uschar *)(uintptr_t) "x", NULL};
  uschar *yield;
  fixture_cache(&fixture);
  for (size_t f = 0; f < FUNCTIONS; f++)
    function(functions[f]);
  int next = dup(0);
  close(next);
  struct rlimit all;
  getrlimit(RLIMIT_NOFILE, &all);
  struct rlimit few = {(rlim_t)next + step, all.rlim_max};
  check(setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
  for (size_t f = 0; f < FUNCTIONS; f++) {
    yield = NULL;
    check(function(functions[f])(&yield, 2, argv) == OK && yield, "%s", functions[f]);
  }
  setrlimit(RLIMIT_NOFILE, &all);
  int after = dup(0);
  check(after == next, "descriptor %d, then %d", next, after);
}

static void test_exhausted(void) {
  for (step = 0; step < 6; step++) {
    case_in_child(run_exhausted, FIXTURE_ANSWERS, "");
    case_in_child(run_exhausted, FIXTURE_ABSENT, "");
  }
}

static void run_forks(void) {
  fixture_cache(&fixture);
  expect(call("mtasts_policy", "enforce.example"), "mode=enforce ");
  for (int i = 0; i < 3; i++) {
    in_fork(enforces);
    expect(call("mtasts_policy", "p8.example"), "mode=enforce ");
  }
}

static void test_forks(void) {
  case_in_child(run_forks, FIXTURE_ABSENT, "");
  case_in_child(run_forks, FIXTURE_ANSWERS, "");
}

static void raise_event(const char *name, const char *domain, const char *data, const char *extra) {
  const char *got =
      call("mtasts_event", name, domain, "mx1.good.example", "192.0.2.25", data, extra);
  check(*got == '\0', "event yields %s", got);
}

static void run_outcomes(void) {
  char got[65536];
  raise_event("tcp:connect", "enforce.example", "", " cv=0 ver= dane=");
  raise_event("smtp:ehlo", "enforce.example", "250-mx1\n250 STARTTLS", " cv=0 ver= dane=");
  raise_event("tcp:close", "enforce.example", "", " cv=1 ver=TLS1.3 dane=");
  check(fixture_outcome(&fixture, got, sizeof got) && strstr(got, "\"policy-type\":2") &&
            strstr(got, "\"t\":0,\"f\":0}]}"),
        "success: %s", got);
  check(!fixture_outcome(&fixture, got, sizeof got) && exim_log_lines == 0, "%s %s", got,
        exim_logged);

  raise_event("tcp:connect", "enforce.example", "", " cv=0 ver= dane=");
  call("mtasts_cert", "enforce.example", "other.example", "mx1.good.example");
  raise_event("tcp:close", "enforce.example", "", " cv=0 ver= dane=");
  raise_event("msg:host:defer", "enforce.example", "TLS session: failed", "-37 cv=0 ver= dane=");
  raise_event("msg:defer", "enforce.example", "TLS session: failed", "-37 cv=0 ver= dane=");
  check(fixture_outcome(&fixture, got, sizeof got) && strstr(got, "\"c\":202"), "failure: %s", got);
  check(!fixture_outcome(&fixture, got, sizeof got), "again: %s", got);
  check(exim_log_lines == 1 && strstr(exim_logged, "MTA-STS: deferred domain=enforce.example "
                                                   "mx=mx1.good.example "),
        "%s", exim_logged);

  exim_has_message = false; /* -bt */
  call("mtasts_policy", "enforce.example", "mx8.bad.example");
  check(!fixture_outcome(&fixture, got, sizeof got) && exim_log_lines == 1, "-bt: %s", got);
  exim_has_message = true;
  for (int i = 0; i < 3; i++) /* recipients of one message */
    check(strstr(call("mtasts_policy", "enforce.example", "mx8.bad.example:mx9.bad.example"),
                 " mx=mismatch reason=\"MTA-STS: ") != NULL,
          "mismatch");
  check(exim_stored->tainted, "a reason with names is tainted");
  check(fixture_outcome(&fixture, got, sizeof got) && strstr(got, "mtasts-policy-mx-mismatch") &&
            !fixture_outcome(&fixture, got, sizeof got),
        "mismatch: %s", got);
  check(exim_log_lines == 2 &&
            strstr(exim_logged, "detail=\"mx8.bad.example:mx9.bad.example\"") == NULL,
        "%s", exim_logged);
}

static void run_unrecorded(void) {
  char got[4096];
  raise_event("tcp:close", "enforce.example", "", " cv=1 ver=TLS1.3 dane=");
  check(!fixture_outcome(&fixture, got, sizeof got), "%s", got);
}

static void run_uncollected(void) {
  char path[FIXTURE_PATH];
  for (int i = 0; i < 1000; i++) { /* the socket is full soon */
    raise_event("tcp:connect", "enforce.example", "", "");
    raise_event("tcp:close", "enforce.example", "", " cv=1 ver=TLS1.3 dane=");
  }
  fixture_file(&fixture, "outcome.sock", path);
  unlink(path);
  raise_event("tcp:connect", "enforce.example", "", "");
  raise_event("tcp:close", "enforce.example", "", " cv=1 ver=TLS1.3 dane=");
}

/* An MX host that is an alias; Exim calls it end.host.example. */
static void raise_at_end(const char *domain, const char *name, const char *data,
                         const char *extra) {
  call("mtasts_event", name, domain, "end.host.example", "192.0.2.25", data, extra);
}

static void run_alias(void) {
  char got[65536];
  expect(call("mtasts_mx", "alias.example", "end.host.example"), "mx1.good.example");
  check(exim_stored->tainted, "the host was laundered");
  check(strcmp(call("mtasts_unlisted", "alias.example"), "<; !^end[.]host[.]example$ ; *") == 0,
        "the end of an alias is dropped");
  check(!exim_stored->tainted, "Exim would refuse a tainted list");
  check(strcmp(call("mtasts_mx", "alias.example", "a.wild.example"), "a.wild.example") == 0, "SNI");
  check(*call("mtasts_cert", "alias.example", "mx1.good.example", "end.host.example") == '\0',
        "a certificate for the MX name was refused");
  expect(call("mtasts_cert", "alias.example", "end.host.example", "end.host.example"),
         "MTA-STS: the certificate of mx1.good.example is not for that name");
  check(exim_lookups == 5, "%u look-ups", exim_lookups);
  raise_at_end("alias.example", "tcp:connect", "", "");
  call("mtasts_cert", "alias.example", "mx1.good.example", "end.host.example");
  raise_at_end("alias.example", "tcp:close", "", " cv=1 ver=TLS1.3 dane=");
  check(fixture_outcome(&fixture, got, sizeof got) && strstr(got, "\"t\":0,\"f\":0}]}"), "%s", got);
  check(exim_log_lines == 0, "delivered, and reported otherwise: %s", exim_logged);
  raise_at_end("alias.example", "tcp:connect", "", "");
  call("mtasts_cert", "alias.example", "end.host.example", "end.host.example");
  raise_at_end("alias.example", "msg:host:defer", "TLS session: failed", "-37 cv=0 ver= dane=");
  check(fixture_outcome(&fixture, got, sizeof got) && strstr(got, "\"c\":202") &&
            strstr(got, "\"n\":\"mx1.good.example\""),
        "failure: %s", got);
  check(strstr(exim_logged, " mx=mx1.good.example ") != NULL, "%s", exim_logged);
}

/* Nothing is refused, and the true result is reported. */
static void run_alias_testing(void) {
  char got[65536];
  expect(call("mtasts_mx", "testing.example", "end.host.example"), "mx1.good.example");
  raise_at_end("testing.example", "tcp:connect", "", "");
  check(*call("mtasts_cert", "testing.example", "mx1.good.example", "end.host.example") == '\0',
        "testing refuses");
  raise_at_end("testing.example", "smtp:ehlo", "250-mx1\n250 STARTTLS", "");
  raise_at_end("testing.example", "tcp:close", "", " cv=0 ver=TLS1.3 dane=");
  check(fixture_outcome(&fixture, got, sizeof got) && strstr(got, "\"c\":203") &&
            strstr(got, "\"n\":\"mx1.good.example\""),
        "an issuer that is not trusted: %s", got);
}

static void run_alias_monitor(void) {
  char got[65536];
  raise_at_end("monitor.example", "tcp:connect", "", "");
  raise_at_end("monitor.example", "tcp:close", "", " cv=1 ver=TLS1.3 dane=");
  check(fixture_outcome(&fixture, got, sizeof got) && strstr(got, "mtasts-policy-mx-mismatch") &&
            strstr(got, "\"n\":\"other.good.example\""),
        "an alias that is not listed: %s", got);
}

/* The DNS says nothing: it is refused, and no fault of the domain's. */
static void run_alias_unsure(void) {
  char got[65536];
  raise_at_end("enforce.example", "tcp:connect", "", "");
  expect(call("mtasts_cert", "enforce.example", "mx1.good.example", "end.host.example"),
         "MTA-STS: the DNS does not say which MX host of enforce.example is an alias");
  raise_at_end("enforce.example", "msg:host:defer", "TLS session: failed", "-37 cv=0 ver= dane=");
  check(!fixture_outcome(&fixture, got, sizeof got), "a fault of ours is reported: %s", got);
  check(strcmp(call("mtasts_unlisted", "enforce.example"), "<; *") == 0, "unlisted");
  check(*call("mtasts_mx", "none.example", "end.host.example") == 'e', "no policy, no look-up");
}

static void test_alias(void) {
  case_in_child(run_alias, FIXTURE_ANSWERS, "");
  case_in_child(run_alias_testing, FIXTURE_ANSWERS, "");
  case_in_child(run_alias_monitor, FIXTURE_ANSWERS, "");
  case_in_child(run_alias_unsure, FIXTURE_ANSWERS, "");
}

static void test_outcomes(void) {
  case_in_child(run_outcomes, FIXTURE_ANSWERS, "");
  case_in_child(run_unrecorded, FIXTURE_ANSWERS, "outcome { record = no }");
  case_in_child(run_uncollected, FIXTURE_ANSWERS, "");
}

const struct unit_test unit_tests[] = {
    {"any arguments", test_arguments},
    {"a broken configuration defers, and is logged once", test_config},
    {"a daemon that answers, or does anything else", test_daemon},
    {"the cache, where the daemon is away", test_cache},
    {"a cache that is not as it should be", test_bad_cache},
    {"no descriptors left", test_exhausted},
    {"children of the process", test_forks},
    {"outcomes, one a session", test_outcomes},
    {"an MX host that is an alias", test_alias},
    {NULL, NULL},
};
