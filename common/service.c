#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ascii.h"

enum {
  FIRST_SOCKET = 3, /* SD_LISTEN_FDS_START */
};

/* sockets */

/* A decimal number without a sign; -1 for anything else. */
static long read_number(const char *text) {
  long number = 0;
  if (!text || !*text || strlen(text) > 15)
    return -1;
  for (; *text; text++) {
    if (!mtasts_is_digit(*text))
      return -1;
    number = number * 10 + (*text - '0');
  }
  return number;
}

/* Takes the next of the names, which colons separate. */
static void take_name(const char **names, char *name, size_t size) {
  size_t len = strcspn(*names, ":");
  snprintf(name, size, "%.*s", (int)len, *names);
  *names += len + ((*names)[len] == ':');
}

static bool adopt(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
         fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

size_t mtasts_service_sockets(struct mtasts_service_socket sockets[MTASTS_SERVICE_SOCKETS]) {
  const char *names = getenv("LISTEN_FDNAMES");
  long passed = read_number(getenv("LISTEN_FDS"));
  size_t count = 0;
  if (read_number(getenv("LISTEN_PID")) != getpid())
    passed = 0;
  if (passed > MTASTS_SERVICE_SOCKETS)
    passed = MTASTS_SERVICE_SOCKETS;
  if (!names)
    names = "";
  for (int fd = FIRST_SOCKET; fd < FIRST_SOCKET + passed; fd++) {
    struct mtasts_service_socket socket = {.fd = fd};
    take_name(&names, socket.name, sizeof socket.name);
    if (adopt(fd))
      sockets[count++] = socket;
  }
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_FDNAMES");
  return count;
}

/* notification */

void mtasts_service_notify(const char *state) {
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  size_t len = path ? strlen(path) : 0;
  if (len < 2 || len >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
    return;
  memcpy(to.sun_path, path, len);
  if (path[0] == '@') /* an abstract name */
    to.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  /* Failures are ignored: systemd itself reports a missing notification. */
  (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
  close(fd);
}

int64_t mtasts_service_watchdog(void) {
  const char *pid = getenv("WATCHDOG_PID");
  long interval = read_number(getenv("WATCHDOG_USEC"));
  bool ours = !pid || read_number(pid) == getpid();
  unsetenv("WATCHDOG_USEC");
  unsetenv("WATCHDOG_PID");
  return ours && interval > 0 ? interval / 1000 : 0;
}

/* the background */

static int parent = -1; /* a pipe to the parent, which waits until we are ready */

__attribute__((noreturn)) static void wait_for(pid_t child, int pipe) {
  char byte;
  int status;
  ssize_t n;
  while ((n = read(pipe, &byte, 1)) < 0 && errno == EINTR)
    continue;
  if (n == 1)
    _exit(0);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static bool to_null(int first, int last) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  bool done = null >= 0;
  for (int fd = first; done && fd <= last; fd++)
    done = dup2(null, fd) == fd;
  if (null > last)
    close(null);
  return done;
}

bool mtasts_service_background(void) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return false;
  pid_t child = fork();
  if (child > 0) {
    close(ends[1]);
    wait_for(child, ends[0]);
  }
  int saved = errno;
  close(ends[0]);
  if (child < 0) {
    close(ends[1]);
    errno = saved;
    return false;
  }
  parent = ends[1];
  return setsid() >= 0 && to_null(STDIN_FILENO, STDOUT_FILENO);
}

void mtasts_service_ready(void) {
  if (parent < 0)
    return;
  to_null(STDERR_FILENO, STDERR_FILENO);
  (void)!write(parent, "", 1);
  close(parent);
  parent = -1;
}
