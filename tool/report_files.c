#include "report_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  DEPTH_MAX = 64, /* directories; each holds a descriptor while it is read */
};

/* Where we are in a Maildir. */
enum access {
  OUTSIDE,
  MAILDIR,  /* files are no messages, directories may be folders */
  MESSAGES, /* cur or new */
};

struct search {
  const struct mtasts_report_files_events *events;
  void *context;
  uint64_t *count; /* not NULL: files are counted, and not opened */
};

static void search_directory(const struct search *search, const char *path, int fd,
                             enum access access, unsigned depth);

static bool has_directory(int fd, const char *name) {
  struct stat status;
  return fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

static void unreadable(const struct search *search, const char *path, int error) {
  if (!search->count)
    search->events->unreadable(search->context, path, error);
}

/* A file may be exchanged for a FIFO between stat and open, so the open does not wait for it. */
static void search_file(const struct search *search, const char *path, int parent,
                        const char *name) {
  struct stat status;
  if (search->count) {
    ++*search->count;
    return;
  }
  int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    unreadable(search, path, errno);
  else if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
    search->events->file(search->context, path, fd);
  if (fd >= 0)
    close(fd);
}

static enum access place_of(int fd, const char *name, enum access parent) {
  if (has_directory(fd, "cur") && has_directory(fd, "new"))
    return MAILDIR;
  if (parent == MAILDIR)
    return strcmp(name, "cur") == 0 || strcmp(name, "new") == 0 ? MESSAGES : MAILDIR;
  return parent;
}

static void search_entry(const struct search *search, const char *path, int parent,
                         const char *name, enum access access, unsigned depth) {
  struct stat status;
  struct stat target;
  if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return; /* it has gone */
  if (S_ISLNK(status.st_mode) &&
      (fstatat(parent, name, &target, 0) < 0 || !S_ISREG(target.st_mode)))
    return;
  if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) {
    if (access != MAILDIR)
      search_file(search, path, parent, name);
    return;
  }
  if (!S_ISDIR(status.st_mode) || (access == MAILDIR && strcmp(name, "tmp") == 0))
    return;
  int fd = depth < DEPTH_MAX ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                             : (errno = ELOOP, -1);
  if (fd < 0)
    unreadable(search, path, errno);
  else
    search_directory(search, path, fd, place_of(fd, name, access), depth + 1);
}

/* Closes fd. */
static void search_directory(const struct search *search, const char *path, int fd,
                             enum access access, unsigned depth) {
  char *below = NULL;
  DIR *directory = fdopendir(fd);
  if (!directory) {
    unreadable(search, path, errno);
    close(fd);
    return;
  }
  const char *slash = path[0] && path[strlen(path) - 1] == '/' ? "" : "/";
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    if (asprintf(&below, "%s%s%s", path, slash, entry->d_name) < 0) {
      unreadable(search, path, ENOMEM);
      break;
    }
    search_entry(search, below, dirfd(directory), entry->d_name, access, depth);
    free(below);
  }
  closedir(directory);
}

bool mtasts_report_files(const char *path, const struct mtasts_report_files_events *events,
                         void *context) {
  const struct search search = {.events = events, .context = context};
  struct stat status;
  bool input = strcmp(path, "-") == 0;
  if (input) {
    events->file(context, path, STDIN_FILENO);
    return true;
  }
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
    return false;
  if (fd < 0) {
    unreadable(&search, path, errno);
    return true;
  }
  if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
    const char *name = strrchr(path, '/');
    search_directory(&search, path, fd, place_of(fd, name ? name + 1 : path, OUTSIDE), 1);
    return true;
  }
  events->file(context, path, fd);
  close(fd);
  return true;
}

uint64_t mtasts_report_files_count(const char *path) {
  uint64_t count = 0;
  const struct search search = {.count = &count};
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const char *name = strrchr(path, '/');
  if (fd >= 0)
    search_directory(&search, path, fd, place_of(fd, name ? name + 1 : path, OUTSIDE), 1);
  return count;
}
