#include "listeners.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const unit_name = "daemon/listeners";

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

static bool with_metrics;

static const char *metrics_path(void) {
  static char path[128];
  snprintf(path, sizeof path, "%s/metrics", directory);
  return path;
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
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_config *config = NULL;
  int len = snprintf(text, sizeof text,
                     "ask { socket = \"%s/ask\" } outcome { socket = \"%s/outcome\" } "
                     "socketmap { listen = {\"unix:%s/one\", \"unix:%s/two\"} } "
                     "metrics { listen = \"%s%s\" mode = 0666 }",
                     directory, directory, directory, directory, with_metrics ? "unix:" : "",
                     with_metrics ? metrics_path() : "");
  if (mtasts_config_parse((struct mtasts_span){text, (size_t)len}, "test", error, &config) !=
      MTASTS_OK)
    _exit(91);
  config->uid = (uid_t)-1;
  config->gid = config->ask.access.gid = config->socketmap.access.gid = config->outcome.access.gid =
      config->metrics.access.gid = (gid_t)-1;
  return config;
}

/* In a child, because of its descriptors: 0 if the sockets are those expected, written as their log
 * text without the directory, and our own files go and systemd's stay. */
static int open_listeners(const struct given *given, int count, const char *names,
                          const char *expected) {
  char error[MTASTS_ERROR_TEXT] = "";
  char got[512] = "";
  static struct mtasts_listeners listeners;
  closefrom(FIRST);
  give(given, count, names);
  struct mtasts_config *config = configure();
  if (!mtasts_listeners_open(&listeners, config, error)) {
    fprintf(stderr, "%s\n", error);
    return 92;
  }
  size_t skip = strlen("unix:/") + strlen(directory);
  for (const char *at = listeners.text; *at;) { /* drop `unix:DIRECTORY/` */
    if (strncmp(at, "unix:", 5) == 0)
      at += skip;
    else
      snprintf(got + strlen(got), 2, "%c", *at++);
  }
  if (strcmp(got, expected) != 0) {
    fprintf(stderr, "%s\n", got);
    return 93;
  }
  if ((listeners.metrics_fd >= 0) != (strstr(expected, "metrics=") != NULL))
    return 96;
  mtasts_listeners_remove(&listeners);
  for (int i = 0; i < count; i++)
    if (!is_there(given[i].file))
      return 94;
  const char *const all[] = {"ask", "one", "two", "outcome", "metrics"};
  int left = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
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
    _exit(open_listeners(given, count, names, expected));
  waitpid(child, &status, 0);
  unit_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %d", expected, status >> 8);
  const char *const all[] = {"ask", "one", "two", "outcome", "metrics", "x"};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    unlink(address_of(all[i]).sun_path);
  CU_ASSERT(rmdir(directory) == 0);
}

/* A socket that was opened at `file` with this mode and, if root may set it, this group. */
static bool is_given(const char *file, mode_t mode, gid_t gid) {
  struct sockaddr_un at = address_of(file);
  struct stat found;
  return lstat(at.sun_path, &found) == 0 && S_ISSOCK(found.st_mode) &&
         (found.st_mode & 07777) == mode && (getuid() != 0 || found.st_gid == gid);
}

/* A connection to the listener's address is accepted there. */
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
  static struct mtasts_listeners listeners;
  char error[MTASTS_ERROR_TEXT] = "";
  char text[600];
  struct mtasts_config *config = NULL;
  int len = snprintf(text, sizeof text,
                     "ask { socket = \"%s/ask\" mode = 0600 }"
                     "socketmap { listen = {\"unix:%s/one\", \"inet:127.0.0.1:0\","
                     " \"unix:%s/two\", \"inet:127.0.0.1:0\"} mode = 0666 }"
                     "outcome { socket = \"%s/outcome\" mode = 0622 }",
                     directory, directory, directory, directory);
  if (mtasts_config_parse((struct mtasts_span){text, (size_t)len}, "test", error, &config) !=
      MTASTS_OK)
    return 91;
  config->uid = config->gid = (uid_t)-1;
  config->ask.access.gid = getuid() == 0 ? 4101 : (gid_t)-1;
  config->socketmap.access.gid = getuid() == 0 ? 4102 : (gid_t)-1;
  config->outcome.access.gid = getuid() == 0 ? 4103 : (gid_t)-1;
  if (!mtasts_listeners_open(&listeners, config, error)) {
    fprintf(stderr, "%s\n", error);
    return 92;
  }
  if (listeners.listener_count != 5)
    return 93;
  if (!is_given("ask", 0600, 4101) || !is_given("one", 0666, 4102) ||
      !is_given("two", 0666, 4102) || !is_given("outcome", 0622, 4103))
    return 94;
  for (size_t i = 0; i < listeners.listener_count; i++)
    if (!is_reached(listeners.listeners[i].fd) ||
        (listeners.listeners[i].socket_kind == MTASTS_SOCKET_ASK) != (i == 0))
      return 95;
  mtasts_listeners_remove(&listeners);
  mtasts_config_free(config);
  return is_there("ask") || is_there("one") || is_there("two") || is_there("outcome") ? 96 : 0;
}

/* sockets that cannot be opened, or not any more */

static struct {
  enum mtasts_listener_kind kind;
  int fd, old;
  unsigned count;
  bool refuse;
} taken;

static bool take(void *context, enum mtasts_listener_kind kind, int fd, int old) {
  (void)context;
  if (taken.refuse)
    return false;
  taken.kind = kind;
  taken.fd = fd;
  taken.old = old;
  taken.count++;
  return true;
}

static int listen_as_another(const char *file, int type) {
  struct sockaddr_un at = address_of(file);
  int fd = socket(AF_UNIX, type, 0);
  return bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 &&
                 (type == SOCK_DGRAM || listen(fd, 1) == 0)
             ? fd
             : -1;
}

/* What is said of the places that are not open has these words in it. */
static bool closed_are(const struct mtasts_listeners *listeners, size_t count, const char *words) {
  char lines[2048];
  size_t got = mtasts_listeners_failed(listeners, lines, sizeof lines);
  if (got == count && strstr(lines, words) && (count > 0) == (lines[0] != '\0'))
    return true;
  fprintf(stderr, "%zu closed: %s", got, lines);
  return false;
}

static int open_beside_others(void) {
  static struct mtasts_listeners listeners;
  char error[MTASTS_ERROR_TEXT] = "";
  char words[64];
  int ask = listen_as_another("ask", SOCK_STREAM);
  int outcome = listen_as_another("outcome", SOCK_DGRAM);
  with_metrics = true;
  int metrics = listen_as_another("metrics", SOCK_STREAM);
  struct mtasts_config *config = configure();
  if (!mtasts_listeners_open(&listeners, config, error) || listeners.listener_count != 2 ||
      listeners.outcome_fd >= 0 || listeners.metrics_fd >= 0)
    return 90;
  snprintf(words, sizeof words, "/ask: another server listens there: this process itself");
  if (!closed_are(&listeners, 3, words) || mtasts_listeners_check(&listeners, take, NULL) ||
      !closed_are(&listeners, 3, words))
    return 91;
  const int others[] = {ask, outcome, metrics};
  const enum mtasts_listener_kind kinds[] = {MTASTS_LISTENER_ASK, MTASTS_LISTENER_OUTCOME,
                                             MTASTS_LISTENER_METRICS};
  for (size_t i = 0; i < 3; i++) {
    close(others[i]);
    taken.refuse = true;
    if (!mtasts_listeners_check(&listeners, take, NULL) ||
        !closed_are(&listeners, 3 - i, "out of memory"))
      return 92;
    taken.refuse = false;
    if (!mtasts_listeners_check(&listeners, take, NULL) || taken.count != i + 1 ||
        taken.kind != kinds[i] || taken.old != -1 ||
        (kinds[i] != MTASTS_LISTENER_OUTCOME && !is_reached(taken.fd)))
      return 93;
  }
  if (!closed_are(&listeners, 0, "") || mtasts_listeners_check(&listeners, take, NULL))
    return 94;
  mtasts_listeners_remove(&listeners);
  return is_there("ask") || is_there("outcome") || is_there("metrics") ? 95 : 0;
}

static int open_nothing(void) {
  static struct mtasts_listeners listeners;
  char error[MTASTS_ERROR_TEXT] = "";
  listen_as_another("ask", SOCK_STREAM);
  listen_as_another("one", SOCK_STREAM);
  listen_as_another("two", SOCK_STREAM);
  struct mtasts_config *config = configure();
  return !mtasts_listeners_open(&listeners, config, error) && errno == EADDRINUSE &&
                 strstr(error, "/ask: another server")
             ? 0
             : 90;
}

/* The file of each kind of socket goes, and another one comes. */
static int replace_removed(void) {
  static struct mtasts_listeners listeners;
  char error[MTASTS_ERROR_TEXT] = "";
  const char *const files[] = {"ask", "two", "outcome"};
  const enum mtasts_listener_kind kinds[] = {MTASTS_LISTENER_ASK, MTASTS_LISTENER_SOCKETMAP,
                                             MTASTS_LISTENER_OUTCOME};
  if (!mtasts_listeners_open(&listeners, configure(), error))
    return 90;
  const int fds[] = {listeners.listeners[0].fd, listeners.listeners[2].fd, listeners.outcome_fd};
  for (unsigned i = 0; i < 3; i++) {
    struct sockaddr_un at = address_of(files[i]);
    if (unlink(at.sun_path) != 0 || !mtasts_listeners_check(&listeners, take, NULL) ||
        taken.count != i + 1 || taken.kind != kinds[i] || taken.old != fds[i] ||
        !is_there(files[i]) || !closed_are(&listeners, 0, ""))
      return 91;
    close(taken.old);
  }
  /* A file is in the way, for a while. */
  struct sockaddr_un at = address_of("ask");
  int old = listeners.addresses[0].listening.fd;
  if (unlink(at.sun_path) != 0 || mkdir(at.sun_path, 0700) != 0 ||
      !mtasts_listeners_check(&listeners, take, NULL) || taken.count != 3 ||
      !closed_are(&listeners, 1, "is not a socket") ||
      mtasts_listeners_check(&listeners, take, NULL))
    return 92;
  if (rmdir(at.sun_path) != 0 || !mtasts_listeners_check(&listeners, take, NULL) ||
      taken.count != 4 || taken.old != old || !is_reached(taken.fd))
    return 93;
  mtasts_listeners_remove(&listeners);
  return is_there("ask") || is_there("two") || is_there("outcome") ? 94 : 0;
}

/* systemd's own cannot be made again by us. */
static int lose_systemd_s(void) {
  static struct mtasts_listeners listeners;
  const struct given given = {"ask", SOCK_STREAM};
  char error[MTASTS_ERROR_TEXT] = "";
  closefrom(FIRST);
  give(&given, 1, "ask");
  if (!mtasts_listeners_open(&listeners, configure(), error) ||
      mtasts_listeners_check(&listeners, take, NULL))
    return 90;
  unlink(address_of("ask").sun_path);
  if (!mtasts_listeners_check(&listeners, take, NULL) || taken.count != 0 ||
      !closed_are(&listeners, 1, "systemctl restart") ||
      mtasts_listeners_check(&listeners, take, NULL))
    return 91;
  mtasts_listeners_remove(&listeners);
  return 0;
}

static void check_in_child(int (*run)(void)) {
  int status = -1;
  memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
  CU_ASSERT_FATAL(mkdtemp(directory) != NULL);
  pid_t child = fork();
  if (child == 0)
    _exit(run());
  waitpid(child, &status, 0);
  unit_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status >> 8);
  const char *const all[] = {"ask", "one", "two", "outcome", "metrics"};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    unlink(address_of(all[i]).sun_path);
  CU_ASSERT(rmdir(directory) == 0);
}

static void several(void) {
  check_in_child(open_several);
}

static void beside_others(void) {
  check_in_child(open_beside_others);
  check_in_child(open_nothing);
}

static void removed(void) {
  check_in_child(replace_removed);
  check_in_child(lose_systemd_s);
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

static void metrics(void) {
  const struct given all[] = {{"ask", SOCK_STREAM}, {"metrics", SOCK_STREAM}};
  const struct given twice[] = {{"x", SOCK_STREAM}, {"metrics", SOCK_STREAM}};
  with_metrics = true;
  expect(NULL, 0, "", "ask=ask socketmap=one socketmap=two outcome=outcome metrics=metrics");
  expect(all, 2, "ask:metrics",
         "ask=systemd metrics=systemd socketmap=one socketmap=two outcome=outcome");
  expect(all, 2, "", "ask=systemd metrics=systemd socketmap=one socketmap=two outcome=outcome");
  expect(twice, 2, "metrics:metrics",
         "metrics=systemd ask=ask socketmap=one socketmap=two outcome=outcome");
  with_metrics = false;
  expect(all, 2, "ask:metrics",
         "ask=systemd metrics=systemd socketmap=one socketmap=two outcome=outcome");
}

const struct unit_test unit_tests[] = {
    {"without systemd all are our own", own},
    {"several, of both families, each with its section's mode and group", several},
    {"systemd's sockets are known by their names, and what is missing is opened", by_name},
    {"one that is not where the configuration says comes on top", in_another_place},
    {"without names they are known by type and address", by_address},
    {"metrics are served where they are wanted, or systemd's socket for them is", metrics},
    {"what others hold keeps nothing else from serving, and is taken when it is free",
     beside_others},
    {"a unix socket that was removed is made again", removed},
    {NULL, NULL}};
