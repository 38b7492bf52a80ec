#include "listen.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

const char *const unit_name = "common/listen";

static char directory[] = "/tmp/mtasts-listen-XXXXXX";
static char path[100];     /* of a socket in a directory that is not there at first */
static char endpoint[160]; /* the same */
static char error[MTASTS_ERROR_TEXT];
static struct mtasts_config config;
static struct mtasts_access access_ = {.mode = 0660};

static int remove_one(const char *name, const struct stat *file, int type, struct FTW *walk) {
  (void)file;
  (void)type;
  (void)walk;
  return remove(name);
}

static void remove_all(void) {
  CU_ASSERT(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static void begin(void) {
  memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
  CU_ASSERT_FATAL(mkdtemp(directory) != NULL);
  snprintf(path, sizeof path, "%s/run/a.sock", directory);
  snprintf(endpoint, sizeof endpoint, "unix:%s", path);
  config.uid = (uid_t)-1;
  config.gid = access_.gid = (gid_t)-1;
}

static bool listens(int type, struct mtasts_listen_socket *listening) {
  *error = '\0';
  return mtasts_listen(endpoint, type, &access_, &config, listening, error);
}

static bool says(const char *words) {
  return strstr(error, words) && strstr(error, path);
}

static bool reaches(int type) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
  int fd = socket(AF_UNIX, type, 0);
  bool reached = connect(fd, (const struct sockaddr *)&at, sizeof at) == 0;
  close(fd);
  return reached;
}

static mode_t mode_of(const char *name) {
  struct stat found = {0};
  CU_ASSERT(lstat(name, &found) == 0);
  return found.st_mode & 07777;
}

static void each_type(void) {
  const int types[] = {SOCK_STREAM, SOCK_DGRAM};
  for (size_t i = 0; i < 2; i++) {
    struct mtasts_listen_socket listening;
    begin();
    CU_ASSERT_FATAL(listens(types[i], &listening));
    CU_ASSERT(reaches(types[i]));
    CU_ASSERT(fcntl(listening.fd, F_GETFD) & FD_CLOEXEC);
    CU_ASSERT(fcntl(listening.fd, F_GETFL) & O_NONBLOCK);
    close(listening.fd);
    mtasts_listen_remove(&listening);
    CU_ASSERT(access(path, F_OK) != 0 && errno == ENOENT);
    remove_all();
  }
}

static void modes(void) {
  const mode_t wanted[] = {0600, 0660, 0666, 0777, 0};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    struct mtasts_listen_socket listening;
    mode_t before = umask(i % 2 ? 0 : 0077);
    begin();
    access_.mode = wanted[i];
    CU_ASSERT_FATAL(listens(i % 2 ? SOCK_DGRAM : SOCK_STREAM, &listening));
    CU_ASSERT(mode_of(path) == wanted[i]);
    char run[128];
    snprintf(run, sizeof run, "%s/run", directory);
    CU_ASSERT(mode_of(run) == 0755);
    mode_t after = umask(before);
    CU_ASSERT(after == (i % 2 ? 0 : 0077));
    close(listening.fd);
    remove_all();
  }
  access_.mode = 0660;
}

static bool owned_by(const char *name, uid_t uid, gid_t gid) {
  struct stat found = {0};
  return lstat(name, &found) == 0 && found.st_uid == uid && found.st_gid == gid;
}

static void owners(void) {
  struct mtasts_listen_socket listening;
  char run[128];
  if (geteuid() != 0)
    return;
  begin();
  snprintf(run, sizeof run, "%s/run", directory);
  config.uid = 4001;
  config.gid = 4002;
  access_.gid = 4003;
  CU_ASSERT_FATAL(listens(SOCK_STREAM, &listening));
  CU_ASSERT(owned_by(run, 4001, 4002));
  CU_ASSERT(owned_by(path, 4001, 4003));
  close(listening.fd);
  remove_all();
}

/* A user that is not root keeps the group, and cannot set another. */
static void groups_of_others(void) {
  struct mtasts_listen_socket listening;
  begin();
  if (geteuid() == 0 && (chmod(directory, 0777) != 0 || seteuid(65534) != 0))
    return;
  config.gid = access_.gid = 4002;
  bool kept = listens(SOCK_STREAM, &listening);
  if (kept) {
    close(listening.fd);
    mtasts_listen_remove(&listening);
  }
  access_.gid = 4003;
  bool given = listens(SOCK_STREAM, &listening);
  bool left = access(path, F_OK) == 0;
  CU_ASSERT(getuid() != 0 || seteuid(0) == 0);
  CU_ASSERT(kept);
  CU_ASSERT(!given && !left && says("owner and group"));
  remove_all();
}

static void dead_is_replaced(void) {
  const int types[] = {SOCK_STREAM, SOCK_DGRAM};
  for (size_t i = 0; i < 4; i++) {
    struct mtasts_listen_socket dead;
    struct mtasts_listen_socket listening;
    begin();
    CU_ASSERT_FATAL(listens(types[i / 2], &dead));
    close(dead.fd);
    CU_ASSERT_FATAL(listens(types[i % 2], &listening));
    CU_ASSERT(reaches(types[i % 2]));
    close(listening.fd);
    remove_all();
  }
}

static void living_is_kept(void) {
  const int types[] = {SOCK_STREAM, SOCK_DGRAM};
  for (size_t i = 0; i < 4; i++) {
    struct mtasts_listen_socket first;
    struct mtasts_listen_socket second;
    begin();
    CU_ASSERT_FATAL(listens(types[i / 2], &first));
    CU_ASSERT(!listens(types[i % 2], &second));
    CU_ASSERT(errno == EADDRINUSE && says("another server"));
    CU_ASSERT(reaches(types[i / 2]));
    close(first.fd);
    remove_all();
  }
}

static void others_are_kept(void) {
  struct mtasts_listen_socket listening;
  struct stat found;
  char run[128];
  begin();
  snprintf(run, sizeof run, "%s/run", directory);
  CU_ASSERT(mkdir(run, 0700) == 0);
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  CU_ASSERT(fd >= 0 && write(fd, "mail", 4) == 4);
  close(fd);
  CU_ASSERT(!listens(SOCK_STREAM, &listening) && says("not a socket"));
  CU_ASSERT(stat(path, &found) == 0 && found.st_size == 4);
  CU_ASSERT(mode_of(run) == 0700);

  char target[256];
  snprintf(target, sizeof target, "%s/target", directory);
  CU_ASSERT(unlink(path) == 0 && symlink(target, path) == 0);
  CU_ASSERT(!listens(SOCK_DGRAM, &listening) && says("not a socket"));
  CU_ASSERT(lstat(path, &found) == 0 && S_ISLNK(found.st_mode));
  CU_ASSERT(access(target, F_OK) != 0);
  remove_all();
}

static void bad_places(void) {
  struct mtasts_listen_socket listening;
  begin();
  snprintf(endpoint, sizeof endpoint, "unix:%s/%0100d", directory, 1);
  CU_ASSERT(!listens(SOCK_STREAM, &listening) && strstr(error, "107 bytes"));
  snprintf(endpoint, sizeof endpoint, "unix:relative");
  CU_ASSERT(!listens(SOCK_STREAM, &listening) && *error);
  snprintf(path, sizeof path, "%s/no/such/a.sock", directory);
  snprintf(endpoint, sizeof endpoint, "unix:%s", path);
  CU_ASSERT(!listens(SOCK_STREAM, &listening) && strstr(error, "cannot be made: No such"));
  remove_all();
}

static void removes_only_its_own(void) {
  struct mtasts_listen_socket first;
  struct mtasts_listen_socket second;
  begin();
  CU_ASSERT_FATAL(listens(SOCK_STREAM, &first));
  CU_ASSERT(unlink(path) == 0);
  CU_ASSERT_FATAL(listens(SOCK_STREAM, &second));
  mtasts_listen_remove(&first);
  CU_ASSERT(reaches(SOCK_STREAM));
  mtasts_listen_remove(&second);
  CU_ASSERT(access(path, F_OK) != 0);
  close(first.fd);
  close(second.fd);
  remove_all();
}

static void inet(void) {
  const char *const hosts[] = {"127.0.0.1", "[::1]"};
  for (size_t i = 0; i < 2; i++) {
    struct mtasts_listen_socket first;
    struct mtasts_listen_socket second;
    struct sockaddr_in6 at = {0}; /* the port of IPv4 stands at the same place */
    socklen_t size = sizeof at;
    snprintf(endpoint, sizeof endpoint, "inet:%s:0", hosts[i]);
    if (!listens(SOCK_STREAM, &first)) {
      CU_ASSERT(i == 1); /* a machine without IPv6 */
      continue;
    }
    CU_ASSERT(getsockname(first.fd, (struct sockaddr *)&at, &size) == 0);
    snprintf(endpoint, sizeof endpoint, "inet:%s:%d", hosts[i], ntohs(at.sin6_port));
    CU_ASSERT(!listens(SOCK_STREAM, &second) && errno == EADDRINUSE && strstr(error, endpoint));
    mtasts_listen_remove(&first);
    close(first.fd);
  }
}

const struct unit_test unit_tests[] = {
    {"stream and datagram sockets are made, reached and removed", each_type},
    {"modes are just what is asked for, whatever the umask", modes},
    {"root gives directory and socket to the configured user and group", owners},
    {"others keep their group, and may not choose one", groups_of_others},
    {"a dead server's socket is replaced", dead_is_replaced},
    {"a living server's is not", living_is_kept},
    {"neither is a regular file, or a symbolic link", others_are_kept},
    {"addresses at which no socket can listen", bad_places},
    {"only its own socket is removed", removes_only_its_own},
    {"addresses, taken once", inet},
    {NULL, NULL}};
