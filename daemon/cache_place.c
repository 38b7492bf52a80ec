#include "cache_place.h"

#include <stdio.h>

#include "files.h"
#include "log.h"

/* 0: there is no such file. */
static bool find(const char *directory, struct stat *found) {
  char path[4096];
  int len = snprintf(path, sizeof path, "%s/" MTASTS_FILE_DATA, directory);
  return len > 0 && (size_t)len < sizeof path && lstat(path, found) == 0;
}

void mtasts_cache_place_note(struct mtasts_cache_place *place, const char *directory,
                             const atomic_uint *replaced) {
  struct stat found;
  *place = (struct mtasts_cache_place){.replaced = replaced};
  if (replaced)
    place->noted = atomic_load(replaced);
  if (!find(directory, &found))
    return;
  place->directory = directory;
  place->device = found.st_dev;
  place->inode = found.st_ino;
}

void mtasts_cache_place_check(struct mtasts_cache_place *place) {
  struct stat found;
  if (!place->directory)
    return;
  if (place->replaced && atomic_load(place->replaced) != place->noted) {
    /* Between the two files there may be none: the next look is soon. */
    if (find(place->directory, &found))
      mtasts_cache_place_note(place, place->directory, place->replaced);
    return;
  }
  bool lost = !find(place->directory, &found) || found.st_dev != place->device ||
              found.st_ino != place->inode;
  if (lost == place->lost)
    return;
  place->lost = lost;
  if (lost)
    mtasts_log(MTASTS_LOG_ERROR,
               "cache: %s was renamed or removed while it is in use: what is known goes on, is not "
               "found by others, and may be lost at the end; put it back, or restart mtastsd",
               place->directory);
  else
    mtasts_log(MTASTS_LOG_INFO, "cache: %s is in its place again", place->directory);
}
