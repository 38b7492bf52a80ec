#include "memory_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "memory_json.h"

enum {
  FILE_MAX = 1 << 16,        /* bytes; a memory of MTASTS_MEMORY_IDS ids has less */
  TEMPORARY_SIZE = 32,       /* bytes of a temporary name; no domain begins with a dot */
  LOCK_TRIES = 100,          /* of */
  LOCK_PAUSE = 10 * 1000000, /* nanoseconds */
};

static enum mtasts_status status_of(int error) {
  switch (error) {
  case ENOMEM:
    return MTASTS_NO_MEMORY;
  case EACCES:
  case EPERM:
  case EROFS:
    return MTASTS_PERMISSION;
  case ENOENT:
    return MTASTS_ABSENT;
  default:
    return MTASTS_IO;
  }
}

void mtasts_memory_make_above(const char *directory) {
  char *path = strdup(directory);
  for (char *at = path && *path ? strchr(path + 1, '/') : NULL; at; at = strchr(at + 1, '/')) {
    *at = '\0';
    (void)mkdir(path, 0755); /* one that is there is fine */
    *at = '/';
  }
  free(path);
}

int mtasts_memory_open(const char *directory) {
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0 || errno != ENOENT)
    return fd;
  mtasts_memory_make_above(directory);
  if (mkdir(directory, 0755) != 0 && errno != EEXIST)
    return -1;
  return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void mtasts_memory_lock(int directory) {
  const struct timespec pause = {.tv_nsec = LOCK_PAUSE};
  for (int i = 0; i < LOCK_TRIES && flock(directory, LOCK_EX | LOCK_NB) != 0; i++)
    nanosleep(&pause, NULL);
}

void mtasts_memory_unlock(int directory) {
  flock(directory, LOCK_UN);
}

/* Reads at most `size` bytes; -1: it failed. */
static ssize_t read_all(int fd, char *text, size_t size) {
  size_t len = 0;
  while (len < size) {
    ssize_t got = read(fd, text + len, size - len);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    len += (size_t)got;
  }
  return (ssize_t)len;
}

static enum mtasts_status read_memory(int fd, const struct mtasts_domain *domain,
                                      struct mtasts_memory *memory) {
  struct stat found;
  if (fstat(fd, &found) != 0)
    return status_of(errno);
  char *text = malloc(FILE_MAX);
  if (!text)
    return MTASTS_NO_MEMORY;
  enum mtasts_status status = MTASTS_OK;
  ssize_t len = S_ISREG(found.st_mode) ? read_all(fd, text, FILE_MAX) : FILE_MAX;
  if (len < 0)
    status = status_of(errno);
  else if (len == FILE_MAX ||
           !mtasts_memory_read((struct mtasts_span){text, (size_t)len}, domain, memory))
    status = MTASTS_CORRUPT;
  free(text);
  return status;
}

enum mtasts_status mtasts_memory_load(int directory, const struct mtasts_domain *domain,
                                      struct mtasts_memory *memory) {
  int fd = openat(directory, domain->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  enum mtasts_status status = fd < 0 ? status_of(errno) : read_memory(fd, domain, memory);
  int error = status == MTASTS_CORRUPT ? 0 : errno;
  if (fd >= 0)
    close(fd);
  if (status != MTASTS_OK)
    *memory = (struct mtasts_memory){.id_count = 0};
  errno = error;
  return status;
}

static bool write_all(int fd, const char *text, size_t len) {
  while (len > 0) {
    ssize_t put = write(fd, text, len);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return false;
    text += put;
    len -= (size_t)put;
  }
  return fsync(fd) == 0;
}

static bool write_file(int directory, const struct mtasts_domain *domain, const char *text) {
  char temporary[TEMPORARY_SIZE];
  uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number)
    return false;
  snprintf(temporary, sizeof temporary, ".new-%016llx", (unsigned long long)number);
  int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0)
    return false;
  bool written = write_all(fd, text, strlen(text));
  int error = errno;
  close(fd);
  if (written && renameat(directory, temporary, directory, domain->name) == 0)
    return true;
  error = written ? errno : error;
  unlinkat(directory, temporary, 0);
  errno = error;
  return false;
}

enum mtasts_status mtasts_memory_save(int directory, const struct mtasts_domain *domain,
                                      const struct mtasts_memory *memory) {
  char *text = mtasts_memory_write(domain, memory);
  if (!text)
    return MTASTS_NO_MEMORY;
  bool written = write_file(directory, domain, text);
  enum mtasts_status status = written ? MTASTS_OK : status_of(errno);
  int error = errno;
  free(text);
  errno = error;
  return status == MTASTS_ABSENT ? MTASTS_IO : status;
}
