#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "out.h"

enum {
  LIMIT_SECONDS = 60,
};

/* The other end of the pipe may be closed: that is an error of writing, not of this process. */
static int spawn(char *const *arguments, int input, pid_t *child) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&actions);
  if (error)
    return error;
  if ((error = posix_spawnattr_init(&attributes)) != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP); /* one of its own */
  error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  if (!error)
    error = posix_spawn(child, arguments[0], &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/* The limit holds for writing too: the program may not read. Kills its whole process group. */
static volatile sig_atomic_t group;

static void on_limit(int number) {
  (void)number;
  if (group > 0)
    kill(-group, SIGKILL);
}

static bool ended_well(const char *program, pid_t child) {
  int status;
  bool limited = false;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) {
      mtasts_print_error(program, "%s", strerror(errno));
      return false;
    }
  limited = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && alarm(0) == 0;
  if (limited) {
    mtasts_print_error(program, "alerts are not handed over: it took more than %d s and was killed",
                       LIMIT_SECONDS);
    return false;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return true;
  mtasts_print_error(program, "alerts are not handed over: it ended with %s %d",
                     WIFEXITED(status) ? "status" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  return false;
}

bool mtasts_handover(char *const *arguments, mtasts_whole_file_fn *write_all, void *context) {
  int ends[2];
  pid_t child;
  fflush(stdout);
  int error = pipe2(ends, O_CLOEXEC) < 0 ? errno : 0;
  if (error) {
    mtasts_print_error(arguments[0], "%s", strerror(error));
    return false;
  }
  error = spawn(arguments, ends[0], &child);
  close(ends[0]);
  FILE *stream = error ? NULL : fdopen(ends[1], "w");
  if (!stream) {
    mtasts_print_error(arguments[0], "cannot be started: %s", strerror(error ? error : errno));
    close(ends[1]);
    return false;
  }
  signal(SIGPIPE, SIG_IGN);
  group = child;
  signal(SIGALRM, on_limit);
  alarm(LIMIT_SECONDS);
  write_all(context, stream);
  fclose(stream);
  bool well = ended_well(arguments[0], child);
  alarm(0);
  group = 0;
  signal(SIGALRM, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  return well;
}
