#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"
#include "out.h"

enum {
  NOBODY = 65534,         /* Linux's uid of nobody, even if the user has another name */
  CA_FILE_MAX = 64 << 20, /* bytes; a system's bundle has a quarter of a megabyte */
};

struct user {
  uid_t uid;
  gid_t gid;
};

/* No capability, and none that another program could regain unless that is planned. */
static bool give_up_capabilities(unsigned plan) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
  return syscall(SYS_capset, &header, none) == 0 &&
         ((plan & MTASTS_IDENTITY_RUNS_MTA) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

/* The user last: only root may change groups. A root that may change no groups (in a user
 * namespace) keeps its own if it stays root. */
static bool become(struct user user, unsigned plan) {
  bool stays = user.uid == geteuid() && user.gid == getegid();
  if (setgroups(0, NULL) != 0 && !stays)
    return false;
  if (!stays && (setresgid(user.gid, user.gid, user.gid) != 0 ||
                 setresuid(user.uid, user.uid, user.uid) != 0))
    return false;
  if (!give_up_capabilities(plan))
    return false;
  errno = EPERM;
  return user.uid == 0 || (setuid(0) != 0 && seteuid(0) != 0);
}

static struct user configured(const struct mtasts_config *config) {
  if (!config->user_missing && config->uid != 0 && config->uid != (uid_t)-1)
    return (struct user){config->uid, config->gid};
  return (struct user){NOBODY, NOBODY};
}

/* The user of a directory. Its own group is used only if the user database does not know the user.
 */
static struct user owner_of(const struct mtasts_config *config, const struct stat *directory) {
  if (directory->st_uid == config->uid)
    return (struct user){config->uid, config->gid};
  const struct passwd *known = getpwuid(directory->st_uid);
  return (struct user){directory->st_uid, known ? known->pw_gid : directory->st_gid};
}

static bool is_roots_alone(const struct stat *directory) {
  return directory->st_uid == 0 && (directory->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static struct user user_for(const struct mtasts_config *config, const struct stat *directory) {
  if (!directory)
    return configured(config);
  if (directory->st_uid != 0)
    return owner_of(config, directory);
  if (!is_roots_alone(directory))
    return configured(config);
  bool named = config->uid == 0 && !config->user_missing;
  return (struct user){0, named ? config->gid : getegid()};
}

static bool name_descriptor(int fd, char path[MTASTS_IDENTITY_PATH]) {
  snprintf(path, MTASTS_IDENTITY_PATH, "/proc/self/fd/%d", fd);
  if (access(path, F_OK) == 0)
    return true;
  path[0] = '\0'; /* there is no /proc */
  return false;
}

/* Opens the directory, or makes it. False: it does not exist. */
static bool open_directory(const struct mtasts_config *config, const char *directory, unsigned plan,
                           struct mtasts_identity *identity, struct stat *found) {
  const struct mtasts_owner owner = {config->uid, config->gid};
  int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  identity->refused = fd < 0 ? errno : 0;
  if (identity->refused == ENOENT && (plan & MTASTS_IDENTITY_CREATES))
    identity->refused = mtasts_files_directory(directory, &owner, &fd);
  if (identity->refused != 0)
    return false;
  if (fstat(fd, found) == 0 && name_descriptor(fd, identity->path)) {
    identity->directory = fd;
    return true;
  }
  close(fd);
  return false;
}

/* Copies the file to memory, where any user of this process may open it. So it keeps what root has
 * read. */
static void copy_ca_file(int fd, struct mtasts_identity *identity) {
  int copy = memfd_create("ca-file", MFD_CLOEXEC);
  ssize_t copied = 1;
  off_t size = 0;
  while (copy >= 0 && copied > 0 && size < CA_FILE_MAX &&
         (copied = sendfile(copy, fd, NULL, CA_FILE_MAX)) > 0)
    size += copied;
  if (copy >= 0 && copied == 0 && name_descriptor(copy, identity->ca_file))
    identity->ca_copy = copy;
  else if (copy >= 0)
    close(copy);
}

/* fd: the file, opened as root; -1: it could not be opened. */
static void keep_ca_file(const char *ca_file, int fd, struct mtasts_identity *identity) {
  if (fd < 0)
    return;
  if (faccessat(AT_FDCWD, ca_file, R_OK, AT_EACCESS) != 0)
    copy_ca_file(fd, identity);
  close(fd);
}

int mtasts_identity_take(const struct mtasts_config *config, const char *directory, unsigned plan,
                         const char *ca_file, struct mtasts_identity *identity) {
  struct stat found;
  *identity = (struct mtasts_identity){.refused = 0};
  if (geteuid() != 0)
    return MTASTS_EXIT_OK;
  bool there = open_directory(config, directory, plan, identity, &found);
  int ca = ca_file ? open(ca_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
  struct user user = user_for(config, there ? &found : NULL);
  identity->changed = user.uid != 0;
  if (!become(user, plan) && (there || !give_up_capabilities(plan))) {
    mtasts_print_error(directory, "root cannot become user %ld and group %ld for this cache: %s",
                       (long)user.uid, (long)user.gid, strerror(errno));
    if (ca >= 0)
      close(ca);
    return MTASTS_EXIT_DENIED;
  }
  keep_ca_file(ca_file, ca, identity);
  return MTASTS_EXIT_OK;
}

void mtasts_identity_release(struct mtasts_identity *identity) {
  if (identity->path[0])
    close(identity->directory);
  if (identity->ca_file[0])
    close(identity->ca_copy);
  *identity = (struct mtasts_identity){.refused = 0};
}
