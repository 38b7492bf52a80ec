/*
 * lock_file.h: lock.mdb as a file: may LMDB go on with it, and how a new one replaces it.
 *
 * If pages of lock.mdb were replaced by copies in memory (bus_error.h), the file keeps the number
 * of an old commit. LMDB believes that number if any other process still has the file open, and
 * would overwrite newer commits. So a writer then makes a new file. Processes with the old file
 * read on for a commit or two, and use the new one when they open the cache again. Functions return
 * 0, an errno or an LMDB error.
 */
#ifndef MTASTS_CACHE_LOCK_FILE_H
#define MTASTS_CACHE_LOCK_FILE_H

#include "files.h"

enum {
  MTASTS_READERS_MAX = 1024, /* reader slots of a lock file that this process creates */
};

/* Allocates disk space for lock.mdb, as mtasts_files_reserve does. */
int mtasts_lock_reserve(int directory);

/* Replaces lock.mdb by an empty file with its disk space allocated. If that fails, the old file
 * stays. The caller must hold writer.lock. */
int mtasts_lock_renew(int directory, const struct mtasts_owner *owner);

/* Call it before a writer opens its environment. Makes lock.mdb if it is missing, and a new one if
 * it is two or more commits older than data.mdb, and another process has it open. */
int mtasts_lock_prepare(int directory, const struct mtasts_owner *owner);

#endif
