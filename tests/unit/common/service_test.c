#include "service.h"

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const unit_name = "common/service";

/* notification */

/* Listens at a name in the form of NOTIFY_SOCKET, sends `state` to it, and returns what arrived. */
static const char *notified(const char *name, const char *state) {
  static char got[256];
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  size_t len = strlen(name);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  memcpy(at.sun_path, name, len);
  if (name[0] == '@')
    at.sun_path[0] = '\0';
  else
    unlink(name);
  CU_ASSERT(bind(fd, (const struct sockaddr *)&at,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0);
  setenv("NOTIFY_SOCKET", name, 1);
  mtasts_service_notify(state);
  unsetenv("NOTIFY_SOCKET");
  ssize_t n = recv(fd, got, sizeof got - 1, 0);
  close(fd);
  if (name[0] == '/')
    unlink(name);
  got[n > 0 ? n : 0] = '\0';
  return got;
}

static void notifies(void) {
  char name[64];
  snprintf(name, sizeof name, "/tmp/mtasts-notify-%d", getpid());
  CU_ASSERT_STRING_EQUAL(notified(name, "READY=1"), "READY=1");
  snprintf(name, sizeof name, "@mtasts-notify-%d", getpid());
  CU_ASSERT_STRING_EQUAL(notified(name, "STATUS=in the abstract"), "STATUS=in the abstract");
}

static void nobody_to_notify(void) {
  char long_name[200] = "/";
  memset(long_name + 1, 'x', sizeof long_name - 2);
  const char *const names[] = {"", "/", "relative", "/nobody/there", long_name};
  int before = dup(0);
  close(before);
  mtasts_service_notify("READY=1");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    setenv("NOTIFY_SOCKET", names[i], 1);
    mtasts_service_notify("READY=1");
  }
  unsetenv("NOTIFY_SOCKET");
  int after = dup(0);
  close(after);
  CU_ASSERT(before == after);
}

/* sockets */

/* As systemd does: sockets from descriptor 3 on, and the variables. Runs in a child, and returns a
 * description of what was found. */
static const char *adopted(const char *pid, const char *count, const char *names) {
  static char got[512];
  int pipe_ends[2];
  char self[32];
  CU_ASSERT(pipe(pipe_ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    struct mtasts_service_socket sockets[MTASTS_SERVICE_SOCKETS];
    int out = dup2(pipe_ends[1], 90);
    for (int fd = 3; fd < 3 + 20; fd++) {
      int one = socket(AF_UNIX, SOCK_STREAM, 0);
      if (one != fd) {
        dup2(one, fd);
        close(one);
      }
    }
    snprintf(self, sizeof self, "%d", getpid());
    setenv("LISTEN_PID", pid ? pid : self, 1);
    setenv("LISTEN_FDS", count, 1);
    if (names)
      setenv("LISTEN_FDNAMES", names, 1);
    size_t n = mtasts_service_sockets(sockets);
    dprintf(out, "%zu", n);
    for (size_t i = 0; i < n && i < 3; i++)
      dprintf(out, " %d=%s%s", sockets[i].fd, sockets[i].name,
              (fcntl(sockets[i].fd, F_GETFD) & FD_CLOEXEC) &&
                      (fcntl(sockets[i].fd, F_GETFL) & O_NONBLOCK)
                  ? ""
                  : "!");
    if (getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES"))
      dprintf(out, " inherited");
    _exit(0);
  }
  close(pipe_ends[1]);
  size_t used = 0;
  ssize_t n;
  while ((n = read(pipe_ends[0], got + used, sizeof got - 1 - used)) > 0)
    used += (size_t)n;
  got[used] = '\0';
  close(pipe_ends[0]);
  waitpid(child, NULL, 0);
  return got;
}

static void adopts(void) {
  CU_ASSERT_STRING_EQUAL(adopted(NULL, "3", "ask:socketmap:outcome"),
                         "3 3=ask 4=socketmap 5=outcome");
  CU_ASSERT_STRING_EQUAL(adopted(NULL, "2", NULL), "2 3= 4=");
  CU_ASSERT_STRING_EQUAL(adopted(NULL, "2", "ask"), "2 3=ask 4=");
  CU_ASSERT_STRING_EQUAL(adopted(NULL, "2", ":socketmap:more"), "2 3= 4=socketmap");
}

static void adopts_nothing(void) {
  CU_ASSERT_STRING_EQUAL(adopted("1", "2", "ask:socketmap"), "0");
  CU_ASSERT_STRING_EQUAL(adopted("", "2", "ask"), "0");
  CU_ASSERT_STRING_EQUAL(adopted(NULL, "0", "ask"), "0");
  CU_ASSERT_STRING_EQUAL(adopted(NULL, "-1", "ask"), "0");
  CU_ASSERT_STRING_EQUAL(adopted(NULL, "2x", "ask"), "0");
  CU_ASSERT_STRING_EQUAL(adopted(NULL, "99999999999999999999", "ask"), "0");
}

static void adopts_so_many(void) {
  CU_ASSERT_STRING_EQUAL(adopted(NULL, "20", NULL), "16 3= 4= 5=");
  CU_ASSERT_STRING_EQUAL(adopted(NULL, "999999999", NULL), "16 3= 4= 5=");
}

/* the background */

/* The exit code of the started process, if its background process gets ready or fails. */
static int background(bool ready, int code) {
  int status = -1;
  pid_t child = fork();
  if (child == 0) {
    if (!mtasts_service_background())
      _exit(99);
    if (getsid(0) != getpid())
      _exit(98);
    if (ready)
      mtasts_service_ready();
    _exit(code);
  }
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void goes_into_the_background(void) {
  CU_ASSERT(background(true, 7) == 0);
  CU_ASSERT(background(false, 78) == 78);
}

const struct unit_test unit_tests[] = {
    {"systemd is notified, at a path and at an abstract name", notifies},
    {"no notification where nothing listens, and no descriptor is lost", nobody_to_notify},
    {"systemd's sockets are adopted with their names", adopts},
    {"those of another process are not", adopts_nothing},
    {"too many are cut", adopts_so_many},
    {"the parent waits for the background process", goes_into_the_background},
    {NULL, NULL}};
