#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

/* Sets the owner and mode of a new file or directory. */
static int give(int fd, mode_t mode, const struct mtasts_owner *owner) {
  if (geteuid() == 0 && fchown(fd, owner->uid, owner->gid) != 0)
    return errno;
  return fchmod(fd, mode) == 0 ? 0 : errno;
}

int mtasts_files_directory(const char *path, const struct mtasts_owner *owner, int *fd) {
  bool made = mkdir(path, MTASTS_MODE_DIRECTORY) == 0;
  if (!made && errno != EEXIST)
    return errno;
  int opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (made ? O_NOFOLLOW : 0));
  if (opened < 0)
    return errno;
  int rc = made ? give(opened, MTASTS_MODE_DIRECTORY, owner) : 0;
  if (rc != 0)
    close(opened);
  else
    *fd = opened;
  return rc;
}

int mtasts_files_find(int directory, const char *name, struct stat *found) {
  if (fstatat(directory, name, found, AT_SYMLINK_NOFOLLOW) != 0)
    return errno;
  return S_ISREG(found->st_mode) ? 0 : ELOOP;
}

int mtasts_files_open(int directory, const char *name, mode_t mode,
                      const struct mtasts_owner *owner, int *fd) {
  const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
  struct stat found;
  int rc = mtasts_files_find(directory, name, &found);
  if (rc != 0 && rc != ENOENT)
    return rc;
  int opened = openat(directory, name, rc == ENOENT ? flags | O_CREAT | O_EXCL : flags, mode);
  if (opened < 0)
    return errno;
  rc = rc == ENOENT ? give(opened, mode, owner) : 0;
  if (rc != 0)
    close(opened);
  else
    *fd = opened;
  return rc;
}

int mtasts_files_reserve(int directory, const char *name, off_t size) {
  struct stat found;
  int rc = 0;
  int fd = openat(directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return 0;
  if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode) &&
      fallocate(fd, 0, 0, found.st_size > 0 ? found.st_size : size) != 0 &&
      (errno == ENOSPC || errno == EDQUOT))
    rc = errno;
  close(fd);
  return rc;
}
