#include "cache_location.h"

#include <stdio.h>

#include "files.h"
#include "log.h"

/* False: there is no such file. */
static bool find(const char *directory, struct stat *found) {
  char path[4096];
  int len = snprintf(path, sizeof path, "%s/" MTASTS_FILE_DATA, directory);
  return len > 0 && (size_t)len < sizeof path && lstat(path, found) == 0;
}

void mtasts_cache_location_set(struct mtasts_cache_location *location, const char *directory,
                               const atomic_uint *replaced) {
  struct stat found;
  *location = (struct mtasts_cache_location){.replaced = replaced};
  if (replaced)
    location->noted = atomic_load(replaced);
  if (!find(directory, &found))
    return;
  location->directory = directory;
  location->device = found.st_dev;
  location->inode = found.st_ino;
}

void mtasts_cache_location_check(struct mtasts_cache_location *location) {
  struct stat found;
  if (!location->directory)
    return;
  if (location->replaced && atomic_load(location->replaced) != location->noted) {
    /* While one file replaces the other there may be none: the next check is soon. */
    if (find(location->directory, &found))
      mtasts_cache_location_set(location, location->directory, location->replaced);
    return;
  }
  bool lost = !find(location->directory, &found) || found.st_dev != location->device ||
              found.st_ino != location->inode;
  if (lost == location->lost)
    return;
  location->lost = lost;
  if (lost)
    mtasts_log(MTASTS_LOG_ERROR,
               "cache: %s was renamed or removed while it is in use: mtastsd goes on using it, but "
               "other programs do not find it, and it may be lost when mtastsd ends; put it back, "
               "or restart mtastsd",
               location->directory);
  else
    mtasts_log(MTASTS_LOG_INFO, "cache: %s is in its place again", location->directory);
}
