#include "socket_owner.h"

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const unit_name = "common/socket_owner";

static char words[MTASTS_SOCKET_OWNER_TEXT];

static struct sockaddr_storage inet_address(int family, const char *host, uint16_t port) {
  struct sockaddr_storage at = {.ss_family = (sa_family_t)family};
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  if (family == AF_INET) {
    inet_pton(AF_INET, host, &v4.sin_addr);
    memcpy(&at, &v4, sizeof v4);
  } else {
    inet_pton(AF_INET6, host, &v6.sin6_addr);
    memcpy(&at, &v6, sizeof v6);
  }
  return at;
}

/* Listens there, at a port of the kernel's choice; -1: this machine has no such address. */
static int listen_at(int family, const char *host, uint16_t *port) {
  struct sockaddr_storage at = inet_address(family, host, 0);
  struct sockaddr_in bound;
  socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  int fd = socket(family, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (const struct sockaddr *)&at, size) != 0 || listen(fd, 1) != 0)
    return close(fd), -1;
  getsockname(fd, (struct sockaddr *)&at, &size);
  memcpy(&bound, &at, sizeof bound); /* the port stands at the same place in both */
  *port = ntohs(bound.sin_port);
  return fd;
}

static bool find(struct sockaddr_storage at) {
  return mtasts_socket_owner_find(&at, words);
}

/* Runs `check` while another process, called "odd (name\n)", is the only one that holds the socket.
 */
static void while_held(int fd, void (*check)(const void *context, pid_t holder),
                       const void *context) {
  int ends[2];
  char byte;
  CU_ASSERT_FATAL(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NAME, "odd (name\n)");
    (void)!write(ends[1], "", 1);
    pause();
    _exit(0);
  }
  close(fd);
  CU_ASSERT(read(ends[0], &byte, 1) == 1);
  check(context, child);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(ends[0]);
  close(ends[1]);
}

static void is_named(pid_t holder) {
  char expected[MTASTS_SOCKET_OWNER_TEXT];
  snprintf(expected, sizeof expected, "process %d (odd (name\\x0a))", holder);
  unit_check(strcmp(words, expected) == 0, "%s", words);
}

struct place {
  int family;
  const char *bound;
  struct {
    int family;
    const char *host;
  } taken[3], free[2];
};

static const struct place places[] = {
    {AF_INET,
     "127.0.0.1",
     {{AF_INET, "127.0.0.1"}, {AF_INET, "0.0.0.0"}, {AF_INET6, "::"}},
     {{AF_INET, "127.0.0.2"}, {AF_INET6, "::1"}}},
    {AF_INET, "0.0.0.0", {{AF_INET, "127.0.0.1"}, {AF_INET, "0.0.0.0"}}, {{AF_INET6, "::1"}}},
    {AF_INET6, "::", {{AF_INET, "127.0.0.1"}, {AF_INET6, "::1"}, {AF_INET6, "::"}}, {{0}}},
    {AF_INET6, "::1", {{AF_INET6, "::1"}, {AF_INET6, "::"}}, {{AF_INET, "127.0.0.1"}}},
};

static uint16_t held_port;

static void check_place(const void *context, pid_t holder) {
  const struct place *place = context;
  for (size_t i = 0; i < 3 && place->taken[i].host; i++) {
    CU_ASSERT_TRUE(find(inet_address(place->taken[i].family, place->taken[i].host, held_port)));
    is_named(holder);
  }
  for (size_t i = 0; i < 2 && place->free[i].host; i++)
    CU_ASSERT_FALSE(find(inet_address(place->free[i].family, place->free[i].host, held_port)));
  CU_ASSERT_FALSE(find(inet_address(place->family, place->bound, 1)));
  CU_ASSERT_STRING_EQUAL(words, "");
}

static void ports(void) {
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    int fd = listen_at(places[i].family, places[i].bound, &held_port);
    if (fd >= 0)
      while_held(fd, check_place, &places[i]);
    else
      unit_skip("no address %s here", places[i].bound);
  }
}

static struct sockaddr_storage unix_address(const char *path) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  struct sockaddr_storage out = {0};
  snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
  memcpy(&out, &at, sizeof at);
  return out;
}

static void check_path(const void *context, pid_t holder) {
  char other[128];
  CU_ASSERT_TRUE(find(unix_address(context)));
  is_named(holder);
  snprintf(other, sizeof other, "%s.more", (const char *)context);
  CU_ASSERT_FALSE(find(unix_address(other)));
}

static void unix_sockets(void) {
  const int types[] = {SOCK_STREAM, SOCK_DGRAM};
  char path[64];
  for (size_t i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "/tmp/mtasts holder %d", getpid());
    struct sockaddr_storage at = unix_address(path);
    int fd = socket(AF_UNIX, types[i], 0);
    CU_ASSERT_FATAL(bind(fd, (const struct sockaddr *)&at, sizeof(struct sockaddr_un)) == 0);
    CU_ASSERT(types[i] == SOCK_DGRAM || listen(fd, 1) == 0);
    while_held(fd, check_path, path);
    CU_ASSERT_FALSE(find(at));
    unlink(path);
  }
}

static void itself(void) {
  uint16_t port;
  int fd = listen_at(AF_INET, "127.0.0.1", &port);
  CU_ASSERT_FATAL(fd >= 0);
  CU_ASSERT_TRUE(find(inet_address(AF_INET, "127.0.0.1", port)));
  CU_ASSERT_STRING_EQUAL(words, "this process itself");
  close(fd);
}

/* The asker is in a child, which may not look at the descriptors of another user's process. */
static void user_alone(void) {
  uint16_t port;
  int status = -1;
  if (geteuid() != 0) {
    unit_skip("not root: a process of another user");
    return;
  }
  int fd = listen_at(AF_INET, "127.0.0.1", &port);
  pid_t child = fork();
  if (child == 0) {
    close(fd);
    bool found = setuid(65534) == 0 && find(inet_address(AF_INET, "127.0.0.1", port));
    _exit(found && strcmp(words, "a process of user root") == 0 ? 0 : 1);
  }
  waitpid(child, &status, 0);
  CU_ASSERT_EQUAL(status, 0);
  close(fd);
}

const struct unit_test unit_tests[] = {
    {"TCP ports, by address, family and wildcard", ports},
    {"unix sockets of both types", unix_sockets},
    {"our own", itself},
    {"a caller that may not see the process gets its user", user_alone},
    {NULL, NULL}};
