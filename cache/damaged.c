#include "damaged.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "environment.h"
#include "files.h"
#include "format.h"
#include "salvage_mark.h"

#define DATED MTASTS_FILE_DAMAGED "-"

enum {
  NAME_SIZE = 64,   /* bytes */
  DATES_TRIED = 60, /* seconds after the first, if names are taken */
};

/* Finds the oldest of the dated files: the first by its name. */
static size_t find_oldest(int directory, char oldest[NAME_SIZE]) {
  size_t count = 0;
  int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
  if (!list) {
    if (copy >= 0)
      close(copy);
    return 0;
  }
  for (struct dirent *file; (file = readdir(list));) {
    size_t len = strlen(file->d_name);
    if (strncmp(file->d_name, DATED, sizeof DATED - 1) != 0 || len >= NAME_SIZE)
      continue;
    if (count == 0 || strcmp(file->d_name, oldest) < 0)
      memcpy(oldest, file->d_name, len + 1);
    count++;
  }
  closedir(list);
  return count;
}

/* Renames a file and never replaces another. Some file systems (NFS, some ZFS) know no
 * RENAME_NOREPLACE: there a link does the same, since it fails if the name is taken. Returns 0 or
 * an errno. */
static int rename_free(int directory, const char *from, const char *to) {
  if (renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0)
    return 0;
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
    return errno;
  if (linkat(directory, from, directory, to, 0) != 0)
    return errno;
  return unlinkat(directory, from, 0) == 0 ? 0 : errno;
}

/* Appends a time to a name: `when`, or a second after it that is still free. Returns 0 or an
 * errno. */
static int append_time(int directory, const char *from, const char *prefix,
                       const struct timespec *when) {
  char name[NAME_SIZE];
  struct tm utc;
  size_t len = strlen(prefix);
  int rc = EEXIST;
  memcpy(name, prefix, len + 1);
  for (time_t at = when->tv_sec; rc == EEXIST && at < when->tv_sec + DATES_TRIED; at++) {
    if (!gmtime_r(&at, &utc) ||
        strftime(name + len, sizeof name - len, "-%Y%m%dT%H%M%SZ", &utc) == 0)
      return EOVERFLOW;
    rc = rename_free(directory, from, name);
  }
  return rc;
}

/* Appends a time to the name of a file, and removes the oldest of such files. */
static int rename_dated(int directory, const char *from, const struct timespec *when) {
  char name[NAME_SIZE];
  int rc = append_time(directory, from, MTASTS_FILE_DAMAGED, when);
  while (rc == 0 && find_oldest(directory, name) > MTASTS_DAMAGED_MAX &&
         unlinkat(directory, name, 0) == 0)
    continue;
  return rc;
}

/* lock.mdb is removed when the new data.mdb is made (data_file.c). */
int mtasts_aside_rename(int directory) {
  struct stat found;
  struct timespec now;
  int rc = mtasts_files_find(directory, MTASTS_FILE_DATA, &found);
  if (rc != 0)
    return rc; /* nothing is moved, so the older one keeps its name */
  if (mtasts_salvage_mark_find(directory)) {
    /* The domains of the older file are nowhere else: it is never replaced. */
    rc = clock_gettime(CLOCK_REALTIME, &now) == 0 ? 0 : errno;
    if (rc == 0)
      rc = rename_dated(directory, MTASTS_FILE_DATA, &now);
    return rc == 0 && fsync(directory) != 0 ? errno : rc;
  }
  /* This only helps a postmaster. If it fails, the newest file replaces the older one. */
  if (mtasts_files_find(directory, MTASTS_FILE_DAMAGED, &found) == 0)
    (void)rename_dated(directory, MTASTS_FILE_DAMAGED, &found.st_ctim);
  if (renameat(directory, MTASTS_FILE_DATA, directory, MTASTS_FILE_DAMAGED) != 0)
    return errno;
  return fsync(directory) == 0 ? 0 : errno;
}

/* Appends a date if the name is taken. */
static int rename_format(int directory, unsigned format) {
  char name[NAME_SIZE];
  struct timespec now;
  snprintf(name, sizeof name, MTASTS_FILE_FORMAT "%u", format);
  int rc = rename_free(directory, MTASTS_FILE_DATA, name);
  if (rc != EEXIST || clock_gettime(CLOCK_REALTIME, &now) != 0)
    return rc;
  return append_time(directory, MTASTS_FILE_DATA, name, &now);
}

static int rename_data(int directory, unsigned *format) {
  int file = openat(directory, MTASTS_FILE_DATA, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  unsigned number = file >= 0 ? mtasts_format_of(file) : 0;
  if (file >= 0)
    close(file);
  *format = mtasts_format_known(number) ? 0 : number;
  if (*format == 0)
    return mtasts_aside_rename(directory);
  int rc = rename_format(directory, *format);
  return rc == 0 && fsync(directory) != 0 ? errno : rc;
}

enum mtasts_status mtasts_cache_move_damaged(const char *directory, unsigned *format) {
  const struct mtasts_owner nobody = {(uid_t)-1, (gid_t)-1};
  int lock = -1;
  unsigned unknown = 0;
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int rc = fd >= 0 ? 0 : errno;
  if (rc == 0)
    rc = mtasts_files_open(fd, MTASTS_FILE_WRITER, MTASTS_MODE_LOCK, &nobody, &lock);
  if (rc == 0 && flock(lock, LOCK_EX | LOCK_NB) != 0)
    rc = errno;
  if (rc == 0)
    rc = rename_data(fd, &unknown);
  if (format)
    *format = unknown;
  if (lock >= 0)
    close(lock);
  if (fd >= 0)
    close(fd);
  return mtasts_env_status(rc);
}
