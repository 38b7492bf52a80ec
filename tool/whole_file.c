#include "whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_special(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

/* Writes and closes. */
static int fill(int fd, mtasts_whole_file_fn *write_all, void *context) {
  FILE *stream = fdopen(fd, "w");
  int error = 0;
  if (!stream) {
    error = errno;
    close(fd);
    return error;
  }
  if (!write_all(context, stream))
    error = ENOMEM;
  if (fflush(stream) == EOF || ferror(stream) || (fsync(fd) < 0 && errno != EINVAL))
    error = error ? error : errno;
  if (fclose(stream) == EOF && !error)
    error = errno;
  return error;
}

int mtasts_whole_file_write(const char *path, mtasts_whole_file_fn *write_all, void *context) {
  char *temporary = NULL;
  if (is_special(path)) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? errno : fill(fd, write_all, context);
  }
  if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
    return ENOMEM;
  int fd = mkostemp(temporary, O_CLOEXEC);
  int error = fd < 0 ? errno : 0;
  mode_t mask = umask(0);
  umask(mask);
  if (fd >= 0 && fchmod(fd, 0666 & ~mask) < 0)
    error = errno;
  if (fd >= 0) {
    int filled = fill(fd, write_all, context);
    error = error ? error : filled;
  }
  if (!error && rename(temporary, path) < 0)
    error = errno;
  if (error && fd >= 0)
    unlink(temporary);
  free(temporary);
  return error;
}
