#include "salvage_mark.h"

#include <errno.h>
#include <unistd.h>

static bool is_there(int directory, const char *name) {
  struct stat found;
  return mtasts_files_find(directory, name, &found) == 0;
}

bool mtasts_salvage_mark_find(int directory) {
  return is_there(directory, MTASTS_FILE_DAMAGED) &&
         (is_there(directory, MTASTS_FILE_SALVAGE) || !is_there(directory, MTASTS_FILE_DATA));
}

int mtasts_salvage_mark_set(int directory, const struct mtasts_owner *owner) {
  int fd;
  if (!is_there(directory, MTASTS_FILE_DAMAGED))
    return 0;
  int rc = mtasts_files_open(directory, MTASTS_FILE_SALVAGE, MTASTS_MODE_DATA, owner, &fd);
  if (rc != 0)
    return rc;
  close(fd);
  return fsync(directory) == 0 ? 0 : errno;
}

int mtasts_salvage_mark_clear(int directory) {
  if (unlinkat(directory, MTASTS_FILE_SALVAGE, 0) != 0 && errno != ENOENT)
    return errno;
  return fsync(directory) == 0 ? 0 : errno;
}
