#include "watch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "out.h"

enum {
  STATE_MAX = 64 << 20, /* bytes */
};

json_t *mtasts_watch_load(const char *path) {
  json_error_t error;
  struct stat found;
  json_t *state = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT)
    return json_object();
  if (fd >= 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_size < STATE_MAX)
    state = json_loadfd(fd, 0, &error);
  if (fd >= 0)
    close(fd);
  if (json_is_object(state))
    return state;
  json_decref(state);
  mtasts_print_error(path, "what was found at the last run cannot be read, so all findings are "
                           "new");
  return json_object();
}

static int complain(const char *path, int error) {
  mtasts_print_error(path, "%s", strerror(error));
  return error == EACCES || error == EPERM || error == EROFS ? MTASTS_EXIT_DENIED : MTASTS_EXIT_IO;
}

int mtasts_watch_write(const char *path, const char *text, size_t size) {
  char *temporary = NULL;
  if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
    return complain(path, ENOMEM);
  int fd = mkostemp(temporary, O_CLOEXEC);
  int error = fd < 0 ? errno : 0;
  while (size > 0 && error == 0) {
    ssize_t put = write(fd, text, size);
    if (put < 0 && errno != EINTR)
      error = errno;
    text += put > 0 ? put : 0;
    size -= put > 0 ? (size_t)put : 0;
  }
  if (error == 0 && (fchmod(fd, 0644) != 0 || fsync(fd) != 0))
    error = errno;
  if (fd >= 0 && close(fd) != 0 && error == 0)
    error = errno;
  if (error == 0 && rename(temporary, path) != 0)
    error = errno;
  if (fd >= 0 && error != 0)
    unlink(temporary);
  free(temporary);
  return error == 0 ? MTASTS_EXIT_OK : complain(path, error);
}
