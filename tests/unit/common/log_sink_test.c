#include "log_sink.h"

#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *const unit_name = "common/log_sink";

enum {
  LINES = 20000, /* more than any queue takes */
};

static char path[64];
static char got[4096];

/* A syslogd's socket. */
static int listen_there(void) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  snprintf(path, sizeof path, "/tmp/mtasts-log-%d", getpid());
  unlink(path);
  memcpy(at.sun_path, path, strlen(path));
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_FATAL(bind(fd, (const struct sockaddr *)&at, sizeof at) == 0);
  return fd;
}

/* The next line within ten seconds; "" none. */
static const char *read_line(int fd) {
  ssize_t n = 0;
  if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000) == 1)
    n = read(fd, got, sizeof got - 1);
  got[n > 0 ? n : 0] = '\0';
  return got;
}

static bool matches(const char *text, const char *pattern) {
  regex_t regex;
  CU_ASSERT_FATAL(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) == 0);
  bool is = regexec(&regex, text, 0, NULL, 0) == 0;
  regfree(&regex);
  unit_check(is, "%s", text);
  return is;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void write_numbers(int count) {
  char text[32];
  for (int i = 0; i < count; i++) {
    snprintf(text, sizeof text, "number %d.", i);
    mtasts_log_sink_write(MTASTS_LOG_INFO, "test", text);
  }
}

/* As glibc's syslog(3) writes it: mail is facility 2. */
static void form(void) {
  const struct {
    enum mtasts_log_level level;
    const char *priority;
  } levels[] = {{MTASTS_LOG_ERROR, "19"},
                {MTASTS_LOG_WARNING, "20"},
                {MTASTS_LOG_INFO, "22"},
                {MTASTS_LOG_DEBUG, "23"}};
  char pattern[160];
  int fd = listen_there();
  mtasts_log_sink_open(MTASTS_LOG_SYSLOG, path);
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
    mtasts_log_sink_write(levels[i].level, "prog", "a text=1");
    snprintf(pattern, sizeof pattern,
             "^<%s>(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 123][0-9] "
             "[012][0-9]:[0-5][0-9]:[0-6][0-9] prog\\[%d\\]: a text=1$",
             levels[i].priority, getpid());
    matches(read_line(fd), pattern);
  }
  close(fd);
  unlink(path);
}

/* While the log is not read, no call waits. A later reader gets the lines that fitted, in order,
 * and a count of the others. */
static void unread(void) {
  char pattern[64];
  int fd = listen_there();
  int next = 0;
  unsigned missing = 0;
  mtasts_log_sink_open(MTASTS_LOG_SYSLOG, path);
  double began = seconds();
  write_numbers(LINES);
  unit_check(seconds() - began < 5, "%f s", seconds() - began);
  mtasts_log_sink_drain(50);
  for (;;) {
    const char *line = read_line(fd);
    const char *count = strstr(line, " log lines are missing here");
    if (count) {
      while (count > line && count[-1] != ' ')
        count--;
      missing = (unsigned)strtoul(count, NULL, 10);
      break;
    }
    snprintf(pattern, sizeof pattern, ": number %d.", next++);
    if (!strstr(line, pattern)) {
      unit_check(false, "%s, in place of %s", line, pattern);
      break;
    }
  }
  CU_ASSERT(next > 1000);
  CU_ASSERT_EQUAL((unsigned)next + missing, LINES);
  mtasts_log_sink_write(MTASTS_LOG_INFO, "test", "after");
  matches(read_line(fd), ": after$");
  CU_ASSERT_EQUAL(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 1200), 0);
  close(fd);
  unlink(path);
}

/* A syslogd that is restarted, and one that comes late, miss nothing. */
static void restarted(void) {
  char pattern[64];
  int fd = listen_there();
  mtasts_log_sink_open(MTASTS_LOG_SYSLOG, path);
  mtasts_log_sink_write(MTASTS_LOG_INFO, "test", "before");
  matches(read_line(fd), ": before$");
  close(fd); /* refused; */
  mtasts_log_sink_write(MTASTS_LOG_INFO, "test", "number 0.");
  unlink(path); /* not found */
  mtasts_log_sink_write(MTASTS_LOG_INFO, "test", "number 1.");
  fd = listen_there();
  for (int i = 0; i < 2; i++) {
    snprintf(pattern, sizeof pattern, ": number %d.$", i);
    matches(read_line(fd), pattern);
  }
  close(fd);
  unlink(path);
  mtasts_log_sink_open(MTASTS_LOG_STDERR, NULL);
}

static void *write_many(void *unused) {
  (void)unused;
  write_numbers(LINES / 8);
  return NULL;
}

/* A pipe or a socket that is not read, with several threads, while another process writes there
 * too. */
static int fill_standard_error(int fd) {
  pthread_t threads[8];
  dup2(fd, STDERR_FILENO);
  mtasts_log_sink_open(MTASTS_LOG_STDERR, NULL);
  alarm(60);
  if (fork() == 0) {
    write_numbers(LINES / 8);
    _exit(0);
  }
  for (int i = 0; i < 8; i++)
    pthread_create(&threads[i], NULL, write_many, NULL);
  for (int i = 0; i < 8; i++)
    pthread_join(threads[i], NULL);
  return 0;
}

static void standard_error(void) {
  for (int i = 0; i < 2; i++) {
    int ends[2];
    int status = -1;
    CU_ASSERT_FATAL((i == 0 ? pipe(ends) : socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) == 0);
    fflush(NULL);
    usleep(300000); /* waits until the thread of the earlier tests ends: TSan allows no fork while
                       it runs */
    pid_t child = fork();
    if (child == 0)
      _exit(fill_standard_error(ends[1]));
    waitpid(child, &status, 0);
    CU_ASSERT_EQUAL(status, 0);
    /* What is there is whole lines. */
    ssize_t n = read(ends[0], got, sizeof got - 1);
    got[n > 0 ? n : 0] = '\0';
    CU_ASSERT(n > 1000 && strncmp(got, "test: number ", 13) == 0);
    for (char *at = got, *end; (end = strchr(at, '\n')); at = end + 1)
      CU_ASSERT(strncmp(at, "test: number ", 13) == 0);
    CU_ASSERT_FALSE(fcntl(ends[1], F_GETFL) & O_NONBLOCK); /* it is not ours to change */
    close(ends[0]);
    close(ends[1]);
  }
}

/* A child writes its own lines, and not what still waits in the parent. */
static void fork_while_lines_wait(void) {
  int status = -1;
  unsigned twice = 0;
  int go[2];
  char byte;
  int fd = listen_there();
  CU_ASSERT_FATAL(pipe(go) == 0);
  mtasts_log_sink_open(MTASTS_LOG_SYSLOG, path);
  write_numbers(100);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    (void)!read(go[0], &byte, 1);
    mtasts_log_sink_write(MTASTS_LOG_INFO, "child", "alive");
    mtasts_log_sink_drain(20000);
    _exit(0);
  }
  for (int i = 0; i < 100; i++)
    twice += strstr(read_line(fd), ": number 5.") != NULL;
  CU_ASSERT_EQUAL(twice, 1);
  CU_ASSERT(write(go[1], "", 1) == 1);
  matches(read_line(fd), " child\\[[0-9]+\\]: alive$");
  waitpid(child, &status, 0);
  CU_ASSERT_EQUAL(status, 0);
  close(go[0]);
  close(go[1]);
  close(fd);
  unlink(path);
  mtasts_log_sink_open(MTASTS_LOG_STDERR, NULL);
}

const struct unit_test unit_tests[] = {
    {"lines have the form of syslog(3)", form},
    {"no thread waits for a log that is not read, and lost lines are counted", unread},
    {"a syslogd that is restarted gets all lines", restarted},
    {"standard error that is not read", standard_error},
    {"a process that forks while lines wait", fork_while_lines_wait},
    {NULL, NULL}};
