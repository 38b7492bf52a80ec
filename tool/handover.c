#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "out.h"

/* The other end of the pipe may be closed: that is an error of writing, not of this process. */
static int spawn(char *const *arguments, int input, pid_t *child) {
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  if (error)
    return error;
  error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  if (!error)
    error = posix_spawn(child, arguments[0], &actions, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

static bool ended_well(const char *program, pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) {
      mtasts_print_error(program, "%s", strerror(errno));
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
  write_all(context, stream);
  fclose(stream);
  signal(SIGPIPE, SIG_DFL);
  return ended_well(arguments[0], child);
}
