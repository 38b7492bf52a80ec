#include "exim_checks.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

unsigned exim_bad;

void check(bool ok, const char *format, ...) {
  va_list arguments;
  if (ok)
    return;
  exim_bad++;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
}

static unsigned count_in(const char *path) {
  unsigned count = 0;
  DIR *stream = opendir(path);
  while (stream && readdir(stream))
    count++;
  if (stream)
    closedir(stream);
  return count;
}

struct exim_process exim_observe(void) {
  struct exim_process process;
  memset(&process, 0, sizeof process);
  process.descriptors = count_in("/proc/self/fd");
  process.threads = count_in("/proc/self/task");
  getresuid(&process.uid[0], &process.uid[1], &process.uid[2]);
  getresgid(&process.gid[0], &process.gid[1], &process.gid[2]);
  umask(process.mask = umask(0));
  sigprocmask(SIG_BLOCK, NULL, &process.blocked);
  for (int i = 1; i < 64; i++) {
    struct sigaction action = {.sa_handler = NULL};
    sigaction(i, NULL, &action);
    process.handlers[i] = action.sa_handler;
  }
  return process;
}

void exim_check_process(const struct exim_process *before, const char *name) {
  struct exim_process after = exim_observe();
  check(after.descriptors == before->descriptors, "%s: %u descriptors, then %u", name,
        before->descriptors, after.descriptors);
  check(after.threads == before->threads, "%s: %u threads", name, after.threads);
  check(memcmp(after.uid, before->uid, sizeof after.uid) == 0, "%s: user changed", name);
  check(memcmp(after.gid, before->gid, sizeof after.gid) == 0, "%s: group changed", name);
  check(after.mask == before->mask, "%s: umask changed", name);
  check(memcmp(&after.blocked, &before->blocked, sizeof after.blocked) == 0, "%s: signals blocked",
        name);
  check(memcmp(after.handlers, before->handlers, sizeof after.handlers) == 0, "%s: signal handlers",
        name);
  check(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "%s: left a child", name);
}
