#include "clean_shutdown.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "tree_check.h"

enum {
  MARK_SIZE = 160 /* bytes */
};

/* The mark has the inode's change time, because no user can set it. */
static int mark_of(int directory, char mark[MARK_SIZE]) {
  struct stat file;
  int rc = mtasts_files_find(directory, MTASTS_FILE_DATA, &file);
  memset(mark, 0, MARK_SIZE);
  if (rc == 0)
    snprintf(mark, MARK_SIZE, "closed in order: %ju %ju, %jd bytes, %jd.%09ld, %jd.%09ld\n",
             (uintmax_t)file.st_dev, (uintmax_t)file.st_ino, (intmax_t)file.st_size,
             (intmax_t)file.st_mtim.tv_sec, file.st_mtim.tv_nsec, (intmax_t)file.st_ctim.tv_sec,
             file.st_ctim.tv_nsec);
  return rc;
}

int mtasts_clean_shutdown_write(int directory, int writer_lock) {
  char mark[MARK_SIZE];
  int rc = mark_of(directory, mark);
  if (rc != 0)
    return rc;
  ssize_t size = (ssize_t)strlen(mark);
  return pwrite(writer_lock, mark, (size_t)size, 0) == size ? 0 : EIO;
}

int mtasts_clean_shutdown_clear(int writer_lock) {
  struct stat file;
  if (fstat(writer_lock, &file) != 0 || (file.st_size > 0 && ftruncate(writer_lock, 0) != 0))
    return errno;
  /* Also if it was empty: the process that emptied it may not have synchronised it. */
  return fsync(writer_lock) == 0 ? 0 : errno;
}

static bool fits(int directory) {
  char mark[MARK_SIZE];
  char left[MARK_SIZE] = "";
  int fd = openat(directory, MTASTS_FILE_WRITER, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return false;
  struct stat file;
  bool own = fstat(fd, &file) == 0 && file.st_uid == geteuid();
  ssize_t size = own ? pread(fd, left, sizeof left - 1, 0) : -1;
  close(fd);
  own =
      own && mtasts_files_find(directory, MTASTS_FILE_DATA, &file) == 0 && file.st_uid == geteuid();
  return own && size > 0 && mark_of(directory, mark) == 0 && strcmp(left, mark) == 0;
}

bool mtasts_stamp_fits(const char *directory) {
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool known = fd >= 0 && fits(fd);
  if (fd >= 0)
    close(fd);
  return known;
}

enum mtasts_status mtasts_clean_shutdown_check(const char *directory) {
  return mtasts_stamp_fits(directory) ? MTASTS_OK : mtasts_tree_check(directory);
}
