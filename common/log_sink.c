#include "log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
  SIZE_BYTES = sizeof(uint16_t), /* the size before a queued line */
  LINE_MAX_BYTES = MTASTS_LOG_HEAD + MTASTS_LOG_LINE_MAX,
  STACK_SIZE = 128 << 10,
  STEP_MS = 10, /* between tries, */
  STEP_MAX_MS = 1000,
  DRAIN_STEP_MS = 5,
  BURST = 16, /* lines in a row while others may want to write */
};

static struct {
  pthread_mutex_t lock;
  enum mtasts_log_sink sink;
  struct sockaddr_un system; /* the system log's address */
  int fd;                    /* a socket for it, or a pipe for standard error; -1: none */
  const char *program;       /* of the last line */
  pid_t writer;              /* the process that has the thread; 0: none */
  unsigned long lost;        /* lines, since the last that was written */
  size_t from, used;         /* of `waiting`, a ring */
  char waiting[MTASTS_LOG_WAITING];
} out = {.lock = PTHREAD_MUTEX_INITIALIZER, .sink = MTASTS_LOG_STDERR, .fd = -1};

/* lines */

static int priority(enum mtasts_log_level level) {
  switch (level) {
  case MTASTS_LOG_ERROR:
    return LOG_ERR;
  case MTASTS_LOG_WARNING:
    return LOG_WARNING;
  case MTASTS_LOG_INFO:
    return LOG_INFO;
  case MTASTS_LOG_DEBUG:
    return LOG_DEBUG;
  }
  return LOG_ERR;
}

/* RFC 3164 section 4.1, with two characters for the day of the month, whatever the locale. Returns
 * the line's bytes. */
static size_t compose(enum mtasts_log_level level, const char *program, const char *text,
                      char line[LINE_MAX_BYTES]) {
  static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  struct tm t = {.tm_mday = 1};
  time_t now = time(NULL);
  int len;
  if (out.sink == MTASTS_LOG_STDERR) {
    len = snprintf(line, LINE_MAX_BYTES, "%.60s: %s\n", program, text);
  } else {
    localtime_r(&now, &t);
    len = snprintf(line, LINE_MAX_BYTES, "<%d>%s %2d %02d:%02d:%02d %.60s[%ld]: %s",
                   LOG_MAIL | priority(level), months[t.tm_mon], t.tm_mday, t.tm_hour, t.tm_min,
                   t.tm_sec, program, (long)getpid(), text);
  }
  return len < LINE_MAX_BYTES ? (size_t)len : LINE_MAX_BYTES - 1;
}

/* sending; each returns 0 or an errno */

static int send_system(const char *line, size_t size) {
  if (out.fd < 0)
    out.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (out.fd < 0)
    return errno;
  return sendto(out.fd, line, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                (const struct sockaddr *)&out.system, sizeof out.system) >= 0
             ? 0
             : errno;
}

/* If a terminal does not take the whole line, the rest is left out. */
static int send_error(const char *line, size_t size) {
  int fd = out.fd >= 0 ? out.fd : STDERR_FILENO;
  /* A program may have replaced stderr by a stream in memory. */
  if (fileno(stderr) != STDERR_FILENO)
    return fwrite(line, 1, size, stderr) == size ? 0 : EIO;
  ssize_t n = send(fd, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && errno == ENOTSOCK) {
    /* If poll reports room, a pipe takes the whole line (pipe(7): PIPE_BUF). */
    if (poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 0) == 0)
      return EAGAIN;
    n = write(fd, line, size);
  }
  return n >= 0 ? 0 : errno;
}

static int send_line(const char *line, size_t size) {
  return out.sink == MTASTS_LOG_SYSLOG ? send_system(line, size) : send_error(line, size);
}

/* Can another try succeed? A syslogd may come back; a closed standard error does not. */
static bool may_pass(int error) {
  return out.sink == MTASTS_LOG_SYSLOG ? error != EMSGSIZE : error == EAGAIN || error == ENOBUFS;
}

/* queued lines */

static void copy_in(const void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    out.waiting[(out.from + out.used + i) % MTASTS_LOG_WAITING] = ((const char *)bytes)[i];
  out.used += size;
}

static void copy_out(void *bytes, size_t offset, size_t size) {
  for (size_t i = 0; i < size; i++)
    ((char *)bytes)[i] = out.waiting[(out.from + offset + i) % MTASTS_LOG_WAITING];
}

static void keep(const char *line, size_t size) {
  uint16_t bytes = (uint16_t)size;
  if (out.used + SIZE_BYTES + size > MTASTS_LOG_WAITING) {
    out.lost++;
    return;
  }
  copy_in(&bytes, SIZE_BYTES);
  copy_in(line, size);
}

/* Writes queued lines as far as possible, and after them the number of missing ones. */
static void send_waiting(void) {
  char line[LINE_MAX_BYTES];
  char text[80];
  uint16_t size;
  for (int i = 0; i < BURST && out.used > 0; i++) {
    copy_out(&size, 0, SIZE_BYTES);
    copy_out(line, SIZE_BYTES, size);
    int error = send_line(line, size);
    if (error != 0 && may_pass(error))
      return;
    out.from = (out.from + SIZE_BYTES + size) % MTASTS_LOG_WAITING;
    out.used -= SIZE_BYTES + size;
  }
  if (out.used > 0 || out.lost == 0)
    return;
  snprintf(text, sizeof text, "%lu log lines are missing here: the log was not read", out.lost);
  int error = send_line(line, compose(MTASTS_LOG_WARNING, out.program, text, line));
  if (error == 0 || !may_pass(error))
    out.lost = 0;
}

static void *write_waiting(void *unused) {
  long step = STEP_MS;
  (void)unused;
  pthread_setname_np(pthread_self(), "mtasts-log");
  pthread_mutex_lock(&out.lock);
  for (;;) {
    size_t before = out.used;
    send_waiting();
    if (out.used == 0 && out.lost == 0)
      break;
    step = out.used != before ? STEP_MS : step * 2 < STEP_MAX_MS ? step * 2 : STEP_MAX_MS;
    pthread_mutex_unlock(&out.lock);
    nanosleep(&(struct timespec){.tv_sec = step / 1000, .tv_nsec = step % 1000 * 1000000}, NULL);
    pthread_mutex_lock(&out.lock);
  }
  out.writer = 0;
  pthread_mutex_unlock(&out.lock);
  return NULL;
}

/* The thread blocks all signals. If it cannot be made, the next line tries again. */
static void start_writer(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all;
  sigset_t before;
  if (out.writer == getpid() || pthread_attr_init(&attributes) != 0)
    return;
  sigfillset(&all);
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  if (pthread_create(&thread, &attributes, write_waiting, NULL) == 0)
    out.writer = getpid();
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
}

/* life */

static void before_fork(void) {
  pthread_mutex_lock(&out.lock);
}

static void after_fork(void) {
  pthread_mutex_unlock(&out.lock);
}

/* The parent writes the queued lines, not this child. */
static void in_child(void) {
  out.used = out.lost = 0;
  pthread_mutex_unlock(&out.lock);
}

/* Opens the pipe again as a non-blocking description of our own: another process's line may take
 * the room that poll has seen. The inherited description is shared, so we must not change it. */
static int open_error(void) {
  struct stat file;
  if (fstat(STDERR_FILENO, &file) != 0 || !S_ISFIFO(file.st_mode))
    return -1;
  return open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

void mtasts_log_sink_open(enum mtasts_log_sink sink, const char *path) {
  static bool registered;
  if (!registered)
    registered = pthread_atfork(before_fork, after_fork, in_child) == 0;
  pthread_mutex_lock(&out.lock);
  if (out.fd >= 0)
    close(out.fd);
  out.sink = sink;
  out.system = (struct sockaddr_un){.sun_family = AF_UNIX};
  snprintf(out.system.sun_path, sizeof out.system.sun_path, "%s", path ? path : "/dev/log");
  out.fd = sink == MTASTS_LOG_SYSLOG ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : open_error();
  pthread_mutex_unlock(&out.lock);
}

void mtasts_log_sink_write(enum mtasts_log_level level, const char *program, const char *text) {
  char line[LINE_MAX_BYTES];
  pthread_mutex_lock(&out.lock);
  size_t size = compose(level, program, text, line);
  out.program = program;
  if (out.used > 0 && out.writer != getpid())
    send_waiting();
  int error = out.used > 0 || out.lost > 0 ? EAGAIN : send_line(line, size);
  if (error != 0 && may_pass(error)) {
    keep(line, size);
    start_writer();
  }
  pthread_mutex_unlock(&out.lock);
}

void mtasts_log_sink_drain(int ms) {
  const struct timespec step = {.tv_nsec = DRAIN_STEP_MS * 1000000};
  for (int waited = 0; waited <= ms; waited += DRAIN_STEP_MS) {
    pthread_mutex_lock(&out.lock);
    send_waiting();
    bool done = out.used == 0 && out.lost == 0;
    pthread_mutex_unlock(&out.lock);
    if (done)
      return;
    nanosleep(&step, NULL);
  }
}
