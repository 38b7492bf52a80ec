/*
 * lock_file.h: lock.mdb as a file: whether LMDB may go on with it, and another in its place.
 *
 * A process whose pages of lock.mdb were taken into memory (bus_error.h) leaves in the file the
 * number of a commit that is long past. LMDB believes that number if any other process still has
 * the file open, and would write over newer commits. So a writer makes another file then. Those
 * that have the old one read on, as long as a commit or two, and see the new one when they open the
 * cache again. Functions return 0, an errno or an LMDB error.
 */
#ifndef MTASTS_CACHE_LOCK_FILE_H
#define MTASTS_CACHE_LOCK_FILE_H

#include "files.h"

enum {
  MTASTS_READERS_MAX = 1024, /* reader slots of a lock file that we are the first to open */
};

/* Gives lock.mdb its place on the disk, as mtasts_files_reserve. */
int mtasts_lock_reserve(int directory);

/* Another one, empty and with its place on the disk; where that fails the old one stays. For who
 * holds writer.lock. */
int mtasts_lock_renew(int directory, const struct mtasts_owner *owner);

/* Before a writer opens its environment: makes lock.mdb if it is missing, and another one if it is
 * two commits or more behind data.mdb. */
int mtasts_lock_prepare(int directory, const struct mtasts_owner *owner);

#endif
