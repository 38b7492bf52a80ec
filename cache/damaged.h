/*
 * damaged.h: a damaged cache is moved out of the way, so that mail need not wait for a postmaster.
 */
#ifndef MTASTS_CACHE_DAMAGED_H
#define MTASTS_CACHE_DAMAGED_H

#include "mtasts.h"

#define MTASTS_FILE_DAMAGED "data.mdb.damaged"

enum {
  MTASTS_DAMAGED_MAX = 3, /* that are kept beside the newest */
};

/* With the number of a format that is not known (format.h) behind it. */
#define MTASTS_FILE_FORMAT "data.mdb.format-"

/*
 * Renames data.mdb to data.mdb.damaged. One that is there gets the date of its own damage behind
 * its name, data.mdb.damaged-20260131T235959Z, and of those the newest MTASTS_DAMAGED_MAX stay. Who
 * opens the store next makes an empty one; readers keep the old file until they reopen.
 *
 * A file of a format that is not known is no damaged one: it becomes data.mdb.format-N, and stays.
 * If there is one of that name the date is put behind it.
 *
 * fd: not NULL: gets the file, open to read, or -1. The caller closes it.
 * format: not NULL: gets the format that is not known, or 0.
 *
 *   MTASTS_OK          done
 *   MTASTS_LOCKED      another process writes this cache: it has perhaps mended it
 *   MTASTS_PERMISSION, MTASTS_NO_FILE, MTASTS_IO
 */
enum mtasts_status mtasts_cache_move_damaged(const char *directory, int *fd, unsigned *format);

/* The same by who holds writer.lock, of the directory that is open. Returns 0 or an errno. */
int mtasts_aside_rename(int directory, int *fd);

#endif
