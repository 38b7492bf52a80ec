#include "supervisor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon_main.h"
#include "log.h"
#include "service.h"

enum {
  RELOAD = 'r', /* orders of the supervisor; the end of the stream means stop */
  CHECK = 'c',
  DONE = 'd', /* the child's reply: it serves, or has reloaded */
};

static void signals_of_supervisor(sigset_t *set) {
  const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGCHLD};
  sigemptyset(set);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    sigaddset(set, numbers[i]);
}

static bool say(int fd, char word) {
  return send(fd, &word, 1, MSG_NOSIGNAL) == 1;
}

/* False: the other process has ended, or has closed its end. */
static bool hear(int fd, char *word) {
  ssize_t n;
  while ((n = recv(fd, word, 1, 0)) < 0 && errno == EINTR)
    continue;
  return n == 1;
}

bool mtasts_supervisor_fork(struct mtasts_supervisor *supervisor) {
  int ends[2];
  sigset_t set;
  signals_of_supervisor(&set);
  sigprocmask(SIG_BLOCK, &set, NULL);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return false;
  supervisor->child = fork();
  bool is_child = supervisor->child == 0;
  supervisor->control = ends[is_child];
  close(ends[!is_child]);
  if (supervisor->child < 0)
    close(supervisor->control);
  if (is_child)
    setpgid(0, 0); /* the terminal's interrupt is for the supervisor only */
  return supervisor->child >= 0;
}

/* The supervisor */

static int code_of(int status, bool stopping) {
  if (WIFSIGNALED(status)) {
    mtasts_log(MTASTS_LOG_ERROR, "the filter was ended by signal %d", WTERMSIG(status));
    return EX_SOFTWARE;
  }
  if (WEXITSTATUS(status) == EX_OK && !stopping) {
    mtasts_log(MTASTS_LOG_ERROR, "the filter has ended by itself");
    return EX_SOFTWARE;
  }
  return WEXITSTATUS(status);
}

static void have_reloaded(const struct mtasts_supervisor *supervisor) {
  char word;
  mtasts_daemon_main_reloading();
  if (say(supervisor->control, RELOAD) && hear(supervisor->control, &word))
    mtasts_service_notify("READY=1");
}

/* Does not wait for the child: one that hangs must not stop the supervisor from handling signals.
 */
static void have_checked(const struct mtasts_supervisor *supervisor) {
  char word = CHECK;
  (void)!send(supervisor->control, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int mtasts_supervisor_watch(const struct mtasts_supervisor *supervisor, void (*ready)(void)) {
  bool stopping = false;
  char word;
  int status;
  sigset_t set;
  const struct timespec pause = {.tv_sec = MTASTS_SUPERVISOR_CHECK};
  signals_of_supervisor(&set);
  if (hear(supervisor->control, &word))
    ready();
  while (waitpid(supervisor->child, &status, WNOHANG) != supervisor->child) {
    int number = sigtimedwait(&set, NULL, &pause);
    if (number < 0 && errno == EAGAIN && !stopping)
      have_checked(supervisor);
    if (number < 0 || number == SIGCHLD)
      continue;
    if (number == SIGHUP && !stopping) {
      have_reloaded(supervisor);
    } else if (number != SIGHUP && stopping) {
      mtasts_log(MTASTS_LOG_WARNING, "second request to stop: messages under way are cut off");
      kill(supervisor->child, SIGKILL);
    } else if (number != SIGHUP) {
      stopping = true;
      mtasts_service_notify("STOPPING=1");
      shutdown(supervisor->control, SHUT_WR);
    }
  }
  close(supervisor->control);
  return code_of(status, stopping);
}

/* The child */

static struct {
  int control;
  const struct mtasts_supervisor_commands *commands;
} child;

static void *take_orders(void *unused) {
  char word;
  (void)unused;
  while (hear(child.control, &word)) {
    if (word == CHECK) {
      child.commands->check();
      continue;
    }
    child.commands->reload();
    say(child.control, DONE);
  }
  child.commands->stop();
  return NULL;
}

bool mtasts_supervisor_serve(const struct mtasts_supervisor *supervisor,
                             const struct mtasts_supervisor_commands *commands) {
  pthread_t thread;
  child.control = supervisor->control;
  child.commands = commands;
  if (pthread_create(&thread, NULL, take_orders, NULL) != 0)
    return false;
  pthread_detach(thread);
  return say(supervisor->control, DONE);
}
