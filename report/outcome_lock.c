#include "outcome_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "files.h"

int mtasts_outcome_lock_take(int lock, bool *alone) {
  *alone = mtasts_outcome_lock_alone(lock);
  return *alone ? 0 : mtasts_outcome_lock_share(lock);
}

int mtasts_outcome_lock_share(int lock) {
  return flock(lock, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
}

bool mtasts_outcome_lock_alone(int lock) {
  return flock(lock, LOCK_EX | LOCK_NB) == 0;
}

/* A reader never holds a lock while it works: a writer would take it for another writer. */
bool mtasts_outcome_lock_has_writer(int directory) {
  int lock = openat(directory, MTASTS_FILE_WRITER, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (lock < 0)
    return false;
  bool alone = false;
  bool shared = mtasts_outcome_lock_take(lock, &alone) == 0 && !alone;
  close(lock);
  return shared;
}
