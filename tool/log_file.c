/* A log file. logrotate renames it, or copies and truncates it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "line_buffer.h"
#include "log_source.h"

enum {
  REPLAYED = 1 << 20, /* bytes before a saved position that are read again */
  WAIT_MS = 500,
};

struct log_file {
  char *path;
  struct stat now;       /* of the open file */
  uint64_t replay_until; /* lines that end here or before are replayed */
  bool renamed;          /* another file has the name; this one is read once more */
  struct mtasts_line_buffer lines;
};

static bool is_same(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Opens a regular file. -1: errno is set. */
static int open_file(const char *path, struct stat *info) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return -1;
  if (fstat(fd, info) == 0 && S_ISREG(info->st_mode))
    return fd;
  close(fd);
  errno = EINVAL;
  return -1;
}

static bool begin_at(struct log_file *file, int fd, uint64_t offset) {
  if (lseek(fd, (off_t)offset, SEEK_SET) < 0)
    return false;
  mtasts_line_buffer_begin(&file->lines, fd, offset);
  return true;
}

/* The file of a saved position under the name that a rotation gave it: one that begins with the
 * log's own name, in its directory. -1: it is gone. */
static int open_rotated(const char *path, const struct mtasts_log_position *saved,
                        struct stat *info) {
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  size_t prefix = (size_t)(name - path);
  char found[4096];
  int fd = -1;
  snprintf(found, sizeof found, "%.*s", slash ? (int)prefix : 1, slash ? path : ".");
  DIR *directory = opendir(found);
  for (struct dirent *entry; fd < 0 && directory && (entry = readdir(directory));) {
    if (entry->d_ino != saved->inode || strncmp(entry->d_name, name, strlen(name)) != 0)
      continue;
    int n = snprintf(found, sizeof found, "%.*s%s", (int)prefix, path, entry->d_name);
    if (n > 0 && (size_t)n < sizeof found)
      fd = open_file(found, info);
  }
  if (directory)
    closedir(directory);
  return fd;
}

/* Goes on at a saved position: a little before it, at the start of a line. */
static bool go_on(struct log_file *file, int fd, const struct mtasts_log_position *saved) {
  uint64_t back = saved->offset > REPLAYED ? saved->offset - REPLAYED : 0;
  struct mtasts_span line;
  file->replay_until = saved->offset;
  if (back == 0)
    return begin_at(file, fd, 0);
  return begin_at(file, fd, back - 1) &&
         mtasts_line_buffer_next(&file->lines, &line) == MTASTS_LINE_BUFFER_READ;
}

/* Another file has the name: reads it from its start. The old one stays open until there is one. */
static bool switch_file(struct log_file *file) {
  struct stat info;
  int fd = open_file(file->path, &info);
  if (fd < 0)
    return false;
  close(file->lines.fd);
  file->now = info;
  file->replay_until = 0;
  file->renamed = false;
  return begin_at(file, fd, 0);
}

/* At the end of the file. True: there is more to read. Who writes the log may still write to the
 * renamed file for a moment, so that is read once more. */
static bool at_end(struct log_file *file) {
  struct stat info;
  uint64_t read = file->lines.offset + (file->lines.used - file->lines.start);
  if (fstat(file->lines.fd, &info) == 0 && (uint64_t)info.st_size < read) {
    file->replay_until = 0;
    return begin_at(file, file->lines.fd, 0);
  }
  if (stat(file->path, &info) != 0 || is_same(&info, &file->now))
    return false;
  if (file->renamed)
    return switch_file(file);
  file->renamed = true;
  return false;
}

static enum mtasts_log_read read_line(void *context, struct mtasts_log_line *line, bool *replayed,
                                      char error[MTASTS_ERROR_TEXT]) {
  struct log_file *file = context;
  struct mtasts_span text;
  for (;;) {
    switch (mtasts_line_buffer_next(&file->lines, &text)) {
    case MTASTS_LINE_BUFFER_READ:
      *replayed = file->lines.offset <= file->replay_until;
      if (mtasts_log_line_read(text, line))
        return MTASTS_LOG_READ;
      break;
    case MTASTS_LINE_BUFFER_END:
      if (!at_end(file))
        return MTASTS_LOG_NONE;
      break;
    case MTASTS_LINE_BUFFER_NONE:
      return MTASTS_LOG_NONE;
    case MTASTS_LINE_BUFFER_ERROR:
      snprintf(error, MTASTS_ERROR_TEXT, "%s: %s", file->path, strerror(errno));
      return MTASTS_LOG_LOST;
    }
  }
}

static void position(void *context, struct mtasts_log_position *position) {
  const struct log_file *file = context;
  uint64_t offset = file->lines.offset;
  *position = (struct mtasts_log_position){
      .set = true,
      .device = file->now.st_dev,
      .inode = file->now.st_ino,
      .offset = offset > file->replay_until ? offset : file->replay_until,
  };
}

static void wait_for_lines(void *context) {
  (void)context;
  poll(NULL, 0, WAIT_MS);
}

static void close_file(void *context) {
  struct log_file *file = context;
  close(file->lines.fd);
  free(file->path);
  free(file);
}

/* Where to begin. False: errno is set. */
static bool begin(struct log_file *file, int fd, const struct mtasts_log_position *saved,
                  bool from_start) {
  struct stat rotated;
  if (!saved->set)
    return begin_at(file, fd, from_start ? 0 : (uint64_t)file->now.st_size);
  if (saved->device == file->now.st_dev && saved->inode == file->now.st_ino)
    return saved->offset <= (uint64_t)file->now.st_size ? go_on(file, fd, saved)
                                                        : begin_at(file, fd, 0);
  int old = open_rotated(file->path, saved, &rotated);
  if (old < 0)
    return begin_at(file, fd, 0);
  close(fd);
  file->now = rotated;
  return go_on(file, old, saved) || begin_at(file, old, 0);
}

bool mtasts_log_file_open(const char *path, const struct mtasts_log_position *saved,
                          bool from_start, char error[MTASTS_ERROR_TEXT],
                          struct mtasts_log_source *source) {
  struct log_file *file = calloc(1, sizeof *file);
  int fd = -1;
  if (!file || !(file->path = strdup(path)))
    goto failed;
  fd = open_file(path, &file->now);
  if (fd < 0 || !begin(file, fd, saved, from_start))
    goto failed;
  *source = (struct mtasts_log_source){file, read_line, position, wait_for_lines, close_file};
  return true;
failed:
  snprintf(error, MTASTS_ERROR_TEXT, "%s: %s", path, strerror(errno));
  if (fd >= 0)
    close(fd);
  if (file)
    free(file->path);
  free(file);
  return false;
}
