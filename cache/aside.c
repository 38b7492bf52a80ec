#include "aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "environment.h"
#include "files.h"

/* lock.mdb goes when the new data.mdb is made (data_file.c). */
static int rename_data(int directory) {
  if (renameat(directory, MTASTS_FILE_DATA, directory, MTASTS_FILE_DAMAGED) != 0)
    return errno;
  return fsync(directory) == 0 ? 0 : errno;
}

enum mtasts_status mtasts_cache_aside(const char *directory) {
  const struct mtasts_owner nobody = {(uid_t)-1, (gid_t)-1};
  int lock = -1;
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int rc = fd >= 0 ? 0 : errno;
  if (rc == 0)
    rc = mtasts_files_open(fd, MTASTS_FILE_WRITER, MTASTS_MODE_LOCK, &nobody, &lock);
  if (rc == 0 && flock(lock, LOCK_EX | LOCK_NB) != 0)
    rc = errno;
  if (rc == 0)
    rc = rename_data(fd);
  if (lock >= 0)
    close(lock);
  if (fd >= 0)
    close(fd);
  return mtasts_env_status(rc);
}
