#include "sendmail.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ascii.h"
#include "clock.h"
#include "printable.h"
#include "strbuf.h"

enum {
  OUTPUT_MAX = 4096, /* bytes of sendmail's output that are looked at */
  KILL_SECONDS = 5,  /* for killed processes to disappear */
  TICK_MS = 50,      /* between two looks at what is left */
  FIRST_FREE = 3,    /* descriptor behind the standard ones */
};

enum ending {
  ENDED,    /* value: the wait status */
  NOT_RUN,  /* value: errno */
  UNKNOWN,  /* the process between ended before it could say */
  STOPPED,  /* at the time limit */
  IMMORTAL, /* likewise, but something of it could not be killed */
};

/* What the process between writes to the pipe. */
struct result {
  int ending;
  int value;
};

struct mtasts_sendmail {
  mtasts_sendmail_fn *done;
  void *context;
  struct event *ready;
  char *program;
  uint32_t timeout;
  pid_t between;
  int pipe;
  int output; /* memory file of sendmail's standard output and error */
};

/* the process between: it uses nothing of its parent's */

/* Closes all descriptors from `from` on except one. */
static void close_except(int from, int kept) {
  if (kept > from)
    close_range((unsigned)from, (unsigned)kept - 1, 0);
  close_range((unsigned)(kept < from ? from : kept + 1), ~0U, 0);
}

static void run_program(const struct mtasts_sendmail_options *options, char **arguments,
                        const int files[3], int report) {
  static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char *environment[] = {path, NULL};
  setsid();
  for (int i = 0; i < 3; i++)
    if (dup2(files[i], i) < 0)
      _exit(127);
  close_except(FIRST_FREE, report);
  if (chdir("/") == 0)
    execve(options->program, arguments, environment);
  int error = errno;
  if (write(report, &error, sizeof error) < 0)
    _exit(126);
  _exit(127);
}

/* The number that begins the text; 0: there is none. */
static pid_t read_pid(const char *text) {
  pid_t pid = 0;
  for (; mtasts_is_digit(*text) && pid < 100000000; text++)
    pid = pid * 10 + (*text - '0');
  return pid;
}

/* The parent of a process of /proc; 0: it is gone. */
static pid_t parent_of(const char *pid) {
  char path[64];
  char text[512];
  snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    close(fd);
  if (len <= 0)
    return 0;
  text[len] = '\0';
  /* `) S 123`: the name in parentheses may have any character, the state is one letter. */
  const char *end = strrchr(text, ')');
  return end && strlen(end) > 4 ? read_pid(end + 4) : 0;
}

/* Kills each child. What they had started becomes a child of this process, their reaper, and is
 * killed in the next round. */
static void kill_children(void) {
  DIR *processes = opendir("/proc");
  const struct dirent *entry;
  const pid_t self = getpid();
  while (processes && (entry = readdir(processes))) {
    pid_t pid = read_pid(entry->d_name);
    if (pid > 1 && parent_of(entry->d_name) == self)
      kill(pid, SIGKILL);
  }
  if (processes)
    closedir(processes);
}

static void nap(int64_t milliseconds) {
  const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigtimedwait(&child, NULL, &time);
}

static struct result stop(pid_t program) {
  int64_t end = mtasts_clock_ms() + KILL_SECONDS * 1000;
  kill(-program, SIGKILL);
  while (mtasts_clock_ms() < end) {
    pid_t gone;
    kill_children();
    while ((gone = waitpid(-1, NULL, WNOHANG)) > 0)
      ;
    if (gone < 0 && errno == ECHILD)
      return (struct result){STOPPED, 0};
    nap(TICK_MS);
  }
  return (struct result){IMMORTAL, 0};
}

/* Waits for sendmail alone; what else has ended is reaped. */
static struct result wait_for(pid_t program, uint32_t timeout) {
  int64_t end = mtasts_clock_ms() + (int64_t)timeout * 1000;
  for (;;) {
    int status;
    pid_t gone;
    while ((gone = waitpid(-1, &status, WNOHANG)) > 0)
      if (gone == program)
        return (struct result){ENDED, status};
    int64_t left = end - mtasts_clock_ms();
    if (left <= 0)
      return stop(program);
    nap(left < 1000 ? left : 1000);
  }
}

static void reset_signals(void) {
  sigset_t mask;
  for (int i = 1; i < NSIG; i++)
    signal(i, SIG_DFL);
  sigemptyset(&mask);
  sigprocmask(SIG_SETMASK, &mask, NULL);
}

_Noreturn static void be_between(const struct mtasts_sendmail_options *options, char **arguments,
                                 const int files[3], int answer) {
  int report[2];
  int error = 0;
  sigset_t child;
  struct result result = {NOT_RUN, EIO};
  setsid();
  reset_signals();
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  pid_t program = -1;
  if (pipe2(report, O_CLOEXEC) == 0) {
    program = fork();
    if (program == 0)
      run_program(options, arguments, files, report[1]);
    result.value = errno;
    close(report[1]);
    sigprocmask(SIG_BLOCK, &child, NULL);
    if (program > 0 && read(report[0], &error, sizeof error) == sizeof error)
      result.value = error;
    else if (program > 0)
      result.ending = ENDED;
    close(report[0]);
  }
  /* The lock of the run and all else of the parent's are not for this process. */
  close_except(FIRST_FREE, answer);
  if (result.ending == ENDED)
    result = wait_for(program, options->timeout);
  if (write(answer, &result, sizeof result) < 0)
    _exit(1);
  _exit(0);
}

/* the parent */

static void run_free(struct mtasts_sendmail *run) {
  if (run->ready)
    event_free(run->ready);
  if (run->pipe >= 0)
    close(run->pipe);
  if (run->output >= 0)
    close(run->output);
  free(run->program);
  free(run);
}

/* The last line of sendmail's output, made printable; "" without one. */
static void read_last_line(const struct mtasts_sendmail *run, char *out, size_t size) {
  char text[OUTPUT_MAX];
  off_t end = lseek(run->output, 0, SEEK_END);
  off_t start = end > OUTPUT_MAX ? end - OUTPUT_MAX : 0;
  ssize_t len = end > 0 ? pread(run->output, text, sizeof text, start) : 0;
  out[0] = '\0';
  while (len > 0 && !mtasts_is_visible(text[len - 1]))
    len--;
  if (len <= 0)
    return;
  const char *line = memrchr(text, '\n', (size_t)len);
  size_t skip = line ? (size_t)(line + 1 - text) : 0;
  mtasts_printable((struct mtasts_span){text + skip, (size_t)len - skip}, out, size);
}

static void describe(const struct mtasts_sendmail *run, const struct result *result,
                     struct mtasts_sendmail_answer *answer) {
  char said[MTASTS_DETAIL_MAX / 2];
  struct mtasts_strbuf text = MTASTS_STRBUF(answer->detail);
  int value = result->value;
  if (result->ending == ENDED && WIFEXITED(value) && WEXITSTATUS(value) == 0) {
    answer->taken = true;
    return;
  }
  mtasts_strbuf_printf(&text, "%.80s ", run->program);
  switch ((enum ending)result->ending) {
  case ENDED:
    if (WIFEXITED(value))
      mtasts_strbuf_printf(&text, "ended with status %d", WEXITSTATUS(value));
    else
      mtasts_strbuf_printf(&text, "was killed by signal %d", WTERMSIG(value));
    break;
  case NOT_RUN:
    answer->missing = true;
    mtasts_strbuf_printf(&text, "cannot be run: %s", strerror(value));
    break;
  case UNKNOWN:
    mtasts_strbuf_printf(&text, "may have taken it: the process that watched it was ended");
    break;
  case STOPPED:
  case IMMORTAL:
    mtasts_strbuf_printf(&text, "took more than %u s (report.timeout) and %s",
                         (unsigned)run->timeout,
                         result->ending == STOPPED ? "was killed" : "could not be killed");
  }
  read_last_line(run, said, sizeof said);
  if (said[0])
    mtasts_strbuf_printf(&text, ": %s", said);
}

static void on_result(evutil_socket_t fd, short what, void *context) {
  struct mtasts_sendmail *run = context;
  struct mtasts_sendmail_answer answer = {.taken = false};
  struct result result = {UNKNOWN, 0};
  (void)what;
  if (read(fd, &result, sizeof result) != sizeof result)
    result = (struct result){UNKNOWN, 0};
  while (waitpid(run->between, NULL, 0) < 0 && errno == EINTR)
    ;
  describe(run, &result, &answer);
  mtasts_sendmail_fn *done = run->done;
  void *done_context = run->context;
  run_free(run);
  done(done_context, &answer);
}

/* A file in memory that holds the message and cannot be changed; its descriptor is for reading. */
static int make_message(struct mtasts_span message) {
  char path[64];
  int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  size_t written = 0;
  while (fd >= 0 && written < message.len) {
    ssize_t len = write(fd, message.data + written, message.len - written);
    if (len <= 0) {
      close(fd);
      return -1;
    }
    written += (size_t)len;
  }
  if (fd < 0)
    return -1;
  fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int readable = open(path, O_RDONLY | O_CLOEXEC);
  if (readable < 0 && lseek(fd, 0, SEEK_SET) == 0)
    return fd; /* there is no /proc */
  close(fd);
  return readable;
}

static char **make_arguments(const struct mtasts_sendmail_options *options) {
  static char dash_i[] = "-i";
  static char dash_f[] = "-f";
  static char end[] = "--";
  char **made = calloc(options->to_count + 6, sizeof *made);
  size_t count = 0;
  if (!made)
    return NULL;
  made[count++] = (char *)(uintptr_t)options->program;
  made[count++] = dash_i;
  made[count++] = dash_f;
  made[count++] = (char *)(uintptr_t)options->from;
  made[count++] = end;
  for (size_t i = 0; i < options->to_count; i++)
    made[count++] = (char *)(uintptr_t)options->to[i];
  return made;
}

/* Starts the process between. Returns false if it cannot. */
static bool launch(struct mtasts_sendmail *run, const struct mtasts_sendmail_options *options) {
  char **arguments = make_arguments(options);
  int message = make_message(options->message);
  int ends[2] = {-1, -1};
  run->between = -1;
  run->output = memfd_create("output", MFD_CLOEXEC);
  if (arguments && message >= 0 && run->output >= 0 && pipe2(ends, O_CLOEXEC) == 0) {
    const int files[] = {message, run->output, run->output};
    fflush(NULL); /* or the child has a copy of what is not written yet */
    run->between = fork();
    if (run->between == 0)
      be_between(options, arguments, files, ends[1]);
    run->pipe = ends[0];
    close(ends[1]);
  }
  if (message >= 0)
    close(message);
  free(arguments);
  return run->between > 0;
}

enum mtasts_status mtasts_sendmail_start(struct event_base *base,
                                         const struct mtasts_sendmail_options *options,
                                         struct mtasts_sendmail **run) {
  struct mtasts_sendmail *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->pipe = made->output = -1;
  made->done = options->done;
  made->context = options->context;
  made->timeout = options->timeout;
  made->program = strdup(options->program);
  if (!made->program || !launch(made, options)) {
    run_free(made);
    return MTASTS_IO;
  }
  made->ready = event_new(base, made->pipe, EV_READ, on_result, made);
  if (!made->ready || event_add(made->ready, NULL) != 0) {
    run_free(made);
    return MTASTS_NO_MEMORY;
  }
  *run = made;
  return MTASTS_OK;
}
