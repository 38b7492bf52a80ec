#include "doors.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const unit_name = "doors";

static char directory[] = "/tmp/mtasts-doors-XXXXXX";

enum {
  FIRST = 3, /* of systemd's descriptors */
};

struct given {
  const char *file;
  int type;
};

static struct sockaddr_un address_of(const char *file) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  snprintf(at.sun_path, sizeof at.sun_path, "%.60s/%.20s", directory, file);
  return at;
}

static bool is_there(const char *file) {
  struct sockaddr_un at = address_of(file);
  return access(at.sun_path, F_OK) == 0;
}

/* As systemd would before it starts us. */
static void give(const struct given *given, int count, const char *names) {
  char text[16];
  for (int i = 0; i < count; i++) {
    struct sockaddr_un at = address_of(given[i].file);
    int fd = socket(AF_UNIX, given[i].type, 0);
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 ||
        (given[i].type == SOCK_STREAM && listen(fd, 1) != 0))
      _exit(90);
    if (fd != FIRST + i) {
      dup2(fd, FIRST + i);
      close(fd);
    }
  }
  snprintf(text, sizeof text, "%d", getpid());
  setenv("LISTEN_PID", text, 1);
  snprintf(text, sizeof text, "%d", count);
  setenv("LISTEN_FDS", text, 1);
  setenv("LISTEN_FDNAMES", names, 1);
}

static struct mtasts_config *configure(void) {
  char text[600];
  char error[256];
  struct mtasts_config *config = NULL;
  int len = snprintf(text, sizeof text,
                     "ask { socket = \"%s/ask\" } outcome { socket = \"%s/outcome\" } "
                     "socketmap { listen = {\"unix:%s/one\", \"unix:%s/two\"} }",
                     directory, directory, directory, directory);
  if (mtasts_config_parse((struct mtasts_span){text, (size_t)len}, "test", error, sizeof error,
                          &config) != MTASTS_OK)
    _exit(91);
  config->uid = (uid_t)-1;
  config->gid = config->ask.access.gid = config->socketmap.access.gid = config->outcome.access.gid =
      (gid_t)-1;
  return config;
}

/* In a child, for the descriptors' sake: 0 where the doors are those expected, told as their log
 * text without the directory, and our own files go and systemd's stay. */
static int open_doors(const struct given *given, int count, const char *names,
                      const char *expected) {
  char error[MTASTS_LISTEN_ERROR] = "";
  char got[512] = "";
  static struct mtasts_doors doors;
  closefrom(FIRST);
  give(given, count, names);
  struct mtasts_config *config = configure();
  if (!mtasts_doors_open(&doors, config, error)) {
    fprintf(stderr, "%s\n", error);
    return 92;
  }
  size_t skip = strlen("unix:/") + strlen(directory);
  for (const char *at = doors.text; *at;) { /* drop `unix:DIRECTORY/` */
    if (strncmp(at, "unix:", 5) == 0)
      at += skip;
    else
      snprintf(got + strlen(got), 2, "%c", *at++);
  }
  if (strcmp(got, expected) != 0) {
    fprintf(stderr, "%s\n", got);
    return 93;
  }
  mtasts_doors_remove(&doors);
  for (int i = 0; i < count; i++)
    if (!is_there(given[i].file))
      return 94;
  const char *const all[] = {"ask", "one", "two", "outcome"};
  int left = 0;
  for (size_t i = 0; i < 4; i++)
    left += is_there(all[i]);
  mtasts_config_free(config);
  return left > count ? 95 : 0;
}

static void expect(const struct given *given, int count, const char *names, const char *expected) {
  int status = -1;
  memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
  CU_ASSERT_FATAL(mkdtemp(directory) != NULL);
  pid_t child = fork();
  if (child == 0)
    _exit(open_doors(given, count, names, expected));
  waitpid(child, &status, 0);
  unit_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %d", expected, status >> 8);
  const char *const all[] = {"ask", "one", "two", "outcome", "x"};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    unlink(address_of(all[i]).sun_path);
  CU_ASSERT(rmdir(directory) == 0);
}

/* A socket that was opened at `file` with that mode, and where root may give it away that group. */
static bool is_given(const char *file, mode_t mode, gid_t gid) {
  struct sockaddr_un at = address_of(file);
  struct stat found;
  return lstat(at.sun_path, &found) == 0 && S_ISSOCK(found.st_mode) &&
         (found.st_mode & 07777) == mode && (getuid() != 0 || found.st_gid == gid);
}

/* Somebody who connects to the listener's address is let in there. */
static bool is_reached(int listener) {
  struct sockaddr_storage at;
  socklen_t size = sizeof at;
  if (getsockname(listener, (struct sockaddr *)&at, &size) != 0)
    return false;
  int fd = socket(at.ss_family, SOCK_STREAM, 0);
  bool reached = connect(fd, (const struct sockaddr *)&at, size) == 0;
  int accepted = accept(listener, NULL, NULL);
  close(fd);
  close(accepted);
  return reached && accepted >= 0;
}

static int open_several(void) {
  static struct mtasts_doors doors;
  char error[MTASTS_LISTEN_ERROR] = "";
  char text[600];
  struct mtasts_config *config = NULL;
  int len = snprintf(text, sizeof text,
                     "ask { socket = \"%s/ask\" mode = 0600 }"
                     "socketmap { listen = {\"unix:%s/one\", \"inet:127.0.0.1:0\","
                     " \"unix:%s/two\", \"inet:127.0.0.1:0\"} mode = 0666 }"
                     "outcome { socket = \"%s/outcome\" mode = 0622 }",
                     directory, directory, directory, directory);
  if (mtasts_config_parse((struct mtasts_span){text, (size_t)len}, "test", error, sizeof error,
                          &config) != MTASTS_OK)
    return 91;
  config->uid = config->gid = (uid_t)-1;
  config->ask.access.gid = getuid() == 0 ? 4101 : (gid_t)-1;
  config->socketmap.access.gid = getuid() == 0 ? 4102 : (gid_t)-1;
  config->outcome.access.gid = getuid() == 0 ? 4103 : (gid_t)-1;
  if (!mtasts_doors_open(&doors, config, error)) {
    fprintf(stderr, "%s\n", error);
    return 92;
  }
  if (doors.listener_count != 5)
    return 93;
  if (!is_given("ask", 0600, 4101) || !is_given("one", 0666, 4102) ||
      !is_given("two", 0666, 4102) || !is_given("outcome", 0622, 4103))
    return 94;
  for (size_t i = 0; i < doors.listener_count; i++)
    if (!is_reached(doors.listeners[i].fd) ||
        (doors.listeners[i].door == MTASTS_DOOR_ASK) != (i == 0))
      return 95;
  mtasts_doors_remove(&doors);
  mtasts_config_free(config);
  return is_there("ask") || is_there("one") || is_there("two") || is_there("outcome") ? 96 : 0;
}

static void several(void) {
  int status = -1;
  memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
  CU_ASSERT_FATAL(mkdtemp(directory) != NULL);
  pid_t child = fork();
  if (child == 0)
    _exit(open_several());
  waitpid(child, &status, 0);
  unit_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status >> 8);
  CU_ASSERT(rmdir(directory) == 0);
}

static void own(void) {
  expect(NULL, 0, "", "ask=ask socketmap=one socketmap=two outcome=outcome");
}

static void by_name(void) {
  const struct given all[] = {{"two", SOCK_STREAM}, {"outcome", SOCK_DGRAM}, {"ask", SOCK_STREAM}};
  expect(all, 3, "socketmap:outcome:ask",
         "socketmap=systemd outcome=systemd ask=systemd socketmap=one");
}

static void in_another_place(void) {
  const struct given other = {"x", SOCK_STREAM};
  expect(&other, 1, "ask", "ask=systemd ask=ask socketmap=one socketmap=two outcome=outcome");
}

static void by_address(void) {
  const struct given all[] = {{"outcome", SOCK_DGRAM}, {"ask", SOCK_STREAM}, {"one", SOCK_STREAM}};
  expect(all, 3,
         "mtastsd.socket:unknown:", "outcome=systemd ask=systemd socketmap=systemd socketmap=two");
}

const struct unit_test unit_tests[] = {
    {"without systemd all are our own", own},
    {"several, of both families, each with its section's mode and group", several},
    {"systemd's sockets are known by their names, and what is missing is opened", by_name},
    {"one that is not where the configuration says comes on top", in_another_place},
    {"without names they are known by type and address", by_address},
    {NULL, NULL}};
