#include "privilege.h"

#include "unit.h"

#include <errno.h>
#include <grp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const unit_name = "common/privilege";

enum {
  UID = 4711,
  GID = 4712,
  NOT_TRIED = 99,
};

/* No user namespace may be made in a chroot, as tests/lab/other makes one. */
static bool is_chroot(void) {
  return getenv("MTASTS_CHROOT") != NULL;
}

/* In a child, since there is no way back: 0 is good, NOT_TRIED says that it could not be. */
static void check_in_child(const char *what, int (*run)(void)) {
  int status = -1;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0)
    _exit(run());
  CU_ASSERT_FATAL(waitpid(child, &status, 0) == child);
  bool tried = !WIFEXITED(status) || WEXITSTATUS(status) != NOT_TRIED;
  if (!tried && (UNIT_THREAD_SANITIZER || is_chroot()))
    unit_omit("%s: in a chroot, or beside a sanitizer's thread", what);
  else if (!tried)
    unit_skip("%s: not root, or not enough of it", what);
  else
    unit_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: step %d", what,
               WEXITSTATUS(status));
}

static bool is_user(uid_t wanted) {
  uid_t real;
  uid_t effective;
  uid_t saved;
  return getresuid(&real, &effective, &saved) == 0 && real == wanted && effective == wanted &&
         saved == wanted;
}

static bool is_group(gid_t wanted) {
  gid_t real;
  gid_t effective;
  gid_t saved;
  return getresgid(&real, &effective, &saved) == 0 && real == wanted && effective == wanted &&
         saved == wanted;
}

static int drops(void) {
  const struct mtasts_config config = {.uid = UID, .gid = GID};
  const gid_t more[] = {0, 4713};
  if (geteuid() != 0 || setgroups(2, more) != 0)
    return NOT_TRIED;
  if (mtasts_privilege_drop(&config) != MTASTS_OK)
    return 1;
  if (!is_user(UID) || !is_group(GID) || getgroups(0, NULL) != 0)
    return 2;
  if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setgroups(1, more) == 0)
    return 3;
  /* Once more is nothing to do. */
  return mtasts_privilege_drop(&config) == MTASTS_OK && is_user(UID) ? 0 : 4;
}

static int stays_root(void) {
  const struct mtasts_config config = {.uid = 0, .gid = 0};
  if (geteuid() != 0)
    return NOT_TRIED;
  return mtasts_privilege_drop(&config) == MTASTS_OK && is_user(0) && is_group(0) ? 0 : 1;
}

/* Root may take any group back, and is asked to stay root: that is no failure. */
static int stays_root_of_another_group(void) {
  const struct mtasts_config config = {.uid = 0, .gid = GID};
  const gid_t more[] = {4713};
  if (geteuid() != 0 || setgroups(1, more) != 0)
    return NOT_TRIED;
  if (mtasts_privilege_drop(&config) != MTASTS_OK)
    return 1;
  if (!is_user(0) || !is_group(GID) || getgroups(0, NULL) != 0)
    return 2;
  return mtasts_privilege_drop(&config) == MTASTS_OK && is_group(GID) ? 0 : 3;
}

static int drops_into_root_s_group(void) {
  const struct mtasts_config config = {.uid = UID, .gid = 0};
  if (geteuid() != 0 || setgroups(0, NULL) != 0)
    return NOT_TRIED;
  if (mtasts_privilege_drop(&config) != MTASTS_OK)
    return 1;
  return is_user(UID) && is_group(0) && seteuid(0) != 0 ? 0 : 2;
}

/* Started as the user that it would become. */
static int is_that_user(void) {
  const struct mtasts_config config = {.uid = UID, .gid = GID};
  if (geteuid() != 0 || setgroups(0, NULL) != 0 || setgid(GID) != 0 || setuid(UID) != 0)
    return NOT_TRIED;
  return mtasts_privilege_drop(&config) == MTASTS_OK && is_user(UID) && is_group(GID) ? 0 : 1;
}

static int user_is_missing(void) {
  const struct mtasts_config config = {.user = "mtasts",
                                       .group = "mtasts",
                                       .uid = (uid_t)-1,
                                       .gid = (gid_t)-1,
                                       .user_missing = true};
  char line[256];
  int pipes[2];
  if (geteuid() != 0)
    return NOT_TRIED;
  if (pipe(pipes) != 0 || dup2(pipes[1], STDERR_FILENO) < 0)
    return 1;
  if (mtasts_privilege_drop(&config) != MTASTS_OK || !is_user(0))
    return 2;
  return read(pipes[0], line, sizeof line) > 0 ? 0 : 3;
}

/* With these bits a process keeps its capabilities when it changes its user. */
static int can_return(void) {
  const struct mtasts_config config = {.uid = UID, .gid = GID};
  /* Securebits are a thread's own, and the C library ends a process whose threads differ. */
  if (UNIT_THREAD_SANITIZER || geteuid() != 0 ||
      prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) != 0)
    return NOT_TRIED;
  errno = 0;
  return mtasts_privilege_drop(&config) == MTASTS_PERMISSION && errno == EPERM ? 0 : 1;
}

static bool write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "we");
  return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

/* Becomes root of a user namespace that has no other user, as a container may be. */
static bool enter_namespace(void) {
  return geteuid() == 0 && unshare(CLONE_NEWUSER) == 0 &&
         write_file("/proc/self/setgroups", "deny") &&
         write_file("/proc/self/uid_map", "0 0 1\n") &&
         write_file("/proc/self/gid_map", "0 0 1\n") && geteuid() == 0;
}

static int is_root_of_namespace(void) {
  const struct mtasts_config config = {.uid = 0, .gid = 0};
  if (!enter_namespace())
    return NOT_TRIED;
  return mtasts_privilege_drop(&config) == MTASTS_OK && is_user(0) ? 0 : 1;
}

static int cannot_change(void) {
  const struct mtasts_config config = {.uid = UID, .gid = GID};
  if (!enter_namespace())
    return NOT_TRIED;
  errno = 0;
  return mtasts_privilege_drop(&config) == MTASTS_PERMISSION && errno != 0 && is_user(0) ? 0 : 1;
}

/* A process that is not root keeps its user, whatever the configuration says. */
static int is_not_root(void) {
  const struct mtasts_config config = {.uid = UID, .gid = GID};
  if (geteuid() == 0 && (setgid(4720) != 0 || setuid(4721) != 0))
    return NOT_TRIED;
  uid_t uid = geteuid();
  gid_t gid = getegid();
  return mtasts_privilege_drop(&config) == MTASTS_OK && geteuid() == uid && getegid() == gid ? 0
                                                                                             : 1;
}

static void test_combinations(void) {
  check_in_child("user root with another group", stays_root_of_another_group);
  check_in_child("a user with root's group", drops_into_root_s_group);
  check_in_child("started as the user itself", is_that_user);
}

static void test_drops(void) {
  check_in_child("dropping root", drops);
}
static void test_stays_root(void) {
  check_in_child("root as the user", stays_root);
}
static void test_user_is_missing(void) {
  check_in_child("a missing user", user_is_missing);
}
static void test_can_return(void) {
  check_in_child("capabilities kept", can_return);
}
static void test_cannot_change(void) {
  check_in_child("root without other users", cannot_change);
}
static void test_is_root_of_namespace(void) {
  check_in_child("root of a user namespace as the user", is_root_of_namespace);
}
static void test_is_not_root(void) {
  check_in_child("another user", is_not_root);
}

const struct unit_test unit_tests[] = {
    {"root becomes the user and group, alone and for good", test_drops},
    {"user = root stays root", test_stays_root},
    {"root with another group, a user with root's, and the user itself", test_combinations},
    {"without the default user it stays and says so", test_user_is_missing},
    {"user = root works where root may change no groups", test_is_root_of_namespace},
    {"who could become root again is refused", test_can_return},
    {"root that may not change its user is refused", test_cannot_change},
    {"who is not root stays who it is", test_is_not_root},
    {NULL, NULL}};
