#include "record.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  FDS = 1024,
  RECORD_SIZE = 1 << 30, /* bytes of address space; what is not written costs nothing */
  HEAD = 64,             /* bytes in front of the changes, which hold their length */
};

static size_t *recorded; /* bytes */
static unsigned char *record;
static char watched[PATH_MAX];

/* What each descriptor is. */
static bool recording;
static unsigned inode_of[FDS]; /* 0: no file of the cache */
static bool synchronous[FDS], directory_of[FDS];
static unsigned inodes;

static size_t change_size(uint64_t data) {
  return (sizeof(struct change) + data + 15) & ~(size_t)15;
}

struct change *record_append(enum kind kind, unsigned inode, uint64_t offset, const void *data,
                             size_t size) {
  struct change *made = (struct change *)(void *)(record + *recorded);
  if (*recorded + change_size(size) > RECORD_SIZE)
    _exit(75);
  *made = (struct change){.kind = kind, .inode = inode, .offset = offset, .size = size};
  if (size > 0)
    memcpy(made->data, data, size);
  *recorded += change_size(size);
  return made;
}

void record_open(void) {
  recorded = mmap(NULL, HEAD + RECORD_SIZE, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (recorded == MAP_FAILED) {
    perror("record");
    exit(70);
  }
  record = (unsigned char *)recorded + HEAD;
}

void record_begin(const char *directory) {
  snprintf(watched, sizeof watched, "%s", directory);
  recording = true;
}

size_t record_end(void) {
  return *recorded;
}

const struct change *record_at(size_t place) {
  return (const struct change *)(const void *)(record + place);
}

size_t record_next(size_t place) {
  return place + change_size(record_at(place)->size);
}

/* The calls of liblmdb.so and of the archives end here: what a program defines comes first. */

#pragma GCC visibility push(default)

#define REAL(type, name, ...)                                                                      \
  static type (*real)(__VA_ARGS__);                                                                \
  if (!real)                                                                                       \
  *(void **)&real = dlsym(RTLD_NEXT, name)

static bool is_ours(int fd) {
  return recording && fd >= 0 && fd < FDS && inode_of[fd] > 0;
}

static void opened(int fd, const char *path, int flags) {
  static struct {
    ino_t number;
    unsigned inode;
  } known[INODES];
  struct stat status;
  size_t length = strlen(watched);
  if (!recording || fd < 0 || fd >= FDS)
    return;
  char whole[PATH_MAX], at[32];
  snprintf(at, sizeof at, "/proc/self/fd/%d", fd);
  ssize_t got = readlink(at, whole, sizeof whole - 1);
  inode_of[fd] = 0;
  directory_of[fd] = false;
  if (got < (ssize_t)length || memcmp(whole, watched, length) != 0)
    return;
  whole[got] = '\0';
  directory_of[fd] = whole[length] == '\0';
  if (directory_of[fd] || fstat(fd, &status) != 0 || strstr(path, "lock.mdb"))
    return;
  synchronous[fd] = (flags & O_DSYNC) != 0;
  unsigned i = 0;
  while (i < inodes && known[i].number != status.st_ino)
    i++;
  if (i == inodes) {
    if (inodes == INODES - 1)
      _exit(75);
    known[inodes++].number = status.st_ino;
    struct change *made = record_append(CREATE, i + 1, 0, NULL, 0);
    snprintf(made->name, sizeof made->name, "%.15s", whole + length + 1);
  }
  inode_of[fd] = i + 1;
}

int open(const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
  va_end(args);
  REAL(int, "open", const char *, int, ...);
  int fd = real(path, flags, mode);
  opened(fd, path, flags);
  return fd;
}

int openat(int directory, const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
  va_end(args);
  REAL(int, "openat", int, const char *, int, ...);
  int fd = real(directory, path, flags, mode);
  opened(fd, path, flags);
  return fd;
}

/* What FORTIFY makes of open() with flags that it does not know. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags) {
  return open(path, flags);
}

int close(int fd) {
  REAL(int, "close", int);
  if (fd >= 0 && fd < FDS) {
    inode_of[fd] = 0;
    directory_of[fd] = false;
  }
  return real(fd);
}

static void wrote(int fd, const void *data, ssize_t size, off_t offset) {
  if (size <= 0 || !is_ours(fd))
    return;
  record_append(WRITE, inode_of[fd], (uint64_t)offset, data, (size_t)size);
  if (synchronous[fd])
    record_append(SYNC, inode_of[fd], 0, NULL, 0);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
  ssize_t done = real(fd, data, size, offset);
  wrote(fd, data, done, offset);
  return done;
}

ssize_t write(int fd, const void *data, size_t size) {
  REAL(ssize_t, "write", int, const void *, size_t);
  off_t offset = is_ours(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
  ssize_t done = real(fd, data, size);
  wrote(fd, data, done, offset);
  return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  off_t offset = is_ours(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
  ssize_t done = real(fd, parts, count), left = done;
  for (int i = 0; i < count && left > 0; i++) {
    ssize_t size = (ssize_t)parts[i].iov_len < left ? (ssize_t)parts[i].iov_len : left;
    wrote(fd, parts[i].iov_base, size, offset);
    offset += size;
    left -= size;
  }
  return done;
}

int ftruncate(int fd, off_t length) {
  REAL(int, "ftruncate", int, off_t);
  int rc = real(fd, length);
  if (rc == 0 && is_ours(fd))
    record_append(TRUNCATE, inode_of[fd], (uint64_t)length, NULL, 0);
  return rc;
}

static void synced(int fd, int rc) {
  if (rc == 0 && is_ours(fd))
    record_append(SYNC, inode_of[fd], 0, NULL, 0);
  else if (rc == 0 && recording && fd >= 0 && fd < FDS && directory_of[fd])
    record_append(SYNC_DIRECTORY, 0, 0, NULL, 0);
}

int fsync(int fd) {
  REAL(int, "fsync", int);
  int rc = real(fd);
  synced(fd, rc);
  return rc;
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  int rc = real(fd);
  synced(fd, rc);
  return rc;
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
  REAL(int, "renameat", int, const char *, int, const char *);
  int rc = real(from_directory, from, to_directory, to);
  if (rc == 0 && recording) {
    struct change *made = record_append(RENAME, 0, 0, NULL, 0);
    snprintf(made->name, sizeof made->name, "%.15s", from);
    snprintf(made->other, sizeof made->other, "%.15s", to);
  }
  return rc;
}

int unlinkat(int directory, const char *name, int flags) {
  REAL(int, "unlinkat", int, const char *, int);
  int rc = real(directory, name, flags);
  if (rc == 0 && recording && strcmp(name, "lock.mdb") != 0)
    snprintf(record_append(UNLINK, 0, 0, NULL, 0)->name, sizeof(((struct change *)0)->name),
             "%.15s", name);
  return rc;
}

#pragma GCC visibility pop
