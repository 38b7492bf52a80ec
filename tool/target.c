#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"
#include "meta_page.h"
#include "out.h"

enum {
  MODE = 0600,
  SUFFIX = sizeof "..0123456789abcdef.new", /* the additional bytes of a temporary name */
};

static int complain(const struct mtasts_target *target, int error) {
  if (error == ELOOP) {
    mtasts_print_error(target->path,
                       "a symbolic link is on the way: root follows none to a file that "
                       "it writes; name the directory without links");
    return MTASTS_EXIT_DENIED;
  }
  mtasts_print_error(target->path, "%s", strerror(error));
  return error == EACCES || error == EPERM || error == EROFS ? MTASTS_EXIT_DENIED
                                                             : MTASTS_EXIT_CREATE;
}

static int open_directory(const char *path) {
  const struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                               .resolve = geteuid() == 0 ? RESOLVE_NO_SYMLINKS : 0};
  return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

/* Splits the path and opens its directory; 0 or an errno. */
static int find_directory(struct mtasts_target *target) {
  const char *slash = strrchr(target->path, '/');
  const char *name = slash ? slash + 1 : target->path;
  char directory[4096];
  size_t above = slash ? (size_t)(slash - target->path) + 1 : 0;
  if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return EISDIR;
  if (strlen(name) + SUFFIX > sizeof target->name || above >= sizeof directory)
    return ENAMETOOLONG;
  snprintf(target->name, sizeof target->name, "%s", name);
  snprintf(directory, sizeof directory, "%.*s", (int)above, target->path);
  target->directory = open_directory(above > 0 ? directory : ".");
  return target->directory >= 0 ? 0 : errno;
}

static bool is_there(const struct mtasts_target *target, const char *name) {
  struct stat found;
  return fstatat(target->directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0;
}

/* May the file that has the name now be replaced? */
static bool may_replace(const struct mtasts_target *target) {
  struct stat found;
  struct mtasts_data_trees trees;
  int rc = mtasts_files_find(target->directory, target->name, &found);
  if (rc == ENOENT)
    return true;
  if (rc != 0) {
    mtasts_print_error(target->path, "is there, and is no regular file");
    return false;
  }
  if (strcmp(target->name, MTASTS_FILE_DATA) == 0 &&
      (is_there(target, MTASTS_FILE_LOCK) || is_there(target, MTASTS_FILE_WRITER))) {
    mtasts_print_error(target->path, "belongs to a cache, and is not replaced");
    return false;
  }
  int fd = openat(target->directory, target->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  bool earlier = found.st_size == 0 || (fd >= 0 && mtasts_data_trees(fd, &trees) == 0);
  if (fd >= 0)
    close(fd);
  if (!earlier)
    mtasts_print_error(target->path,
                       "is there, and is no backup of a cache: remove it, or choose another name");
  return earlier;
}

static int make_temporary(struct mtasts_target *target) {
  uint64_t number;
  if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
    return errno;
  snprintf(target->temporary, sizeof target->temporary, ".%.*s.%016" PRIx64 ".new",
           (int)(sizeof target->temporary - SUFFIX), target->name, number);
  target->fd = openat(target->directory, target->temporary,
                      O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
  if (target->fd < 0)
    return errno;
  return fchmod(target->fd, MODE) == 0 ? 0 : errno;
}

int mtasts_target_open(const char *path, struct mtasts_target *target) {
  *target = (struct mtasts_target){.path = path, .directory = -1, .fd = -1};
  int rc = find_directory(target);
  if (rc != 0)
    return complain(target, rc);
  if (!may_replace(target)) {
    mtasts_target_drop(target);
    return MTASTS_EXIT_CREATE;
  }
  if ((rc = make_temporary(target)) == 0)
    return MTASTS_EXIT_OK;
  int code = complain(target, rc);
  mtasts_target_drop(target);
  return code;
}

static void close_both(struct mtasts_target *target) {
  if (target->fd >= 0)
    close(target->fd);
  if (target->directory >= 0)
    close(target->directory);
  target->fd = target->directory = -1;
}

int mtasts_target_keep(struct mtasts_target *target) {
  if (fsync(target->fd) != 0 ||
      renameat(target->directory, target->temporary, target->directory, target->name) != 0 ||
      fsync(target->directory) != 0) {
    int code = complain(target, errno);
    mtasts_target_drop(target);
    return code;
  }
  close_both(target);
  return MTASTS_EXIT_OK;
}

void mtasts_target_drop(struct mtasts_target *target) {
  if (target->fd >= 0)
    unlinkat(target->directory, target->temporary, 0);
  close_both(target);
}
