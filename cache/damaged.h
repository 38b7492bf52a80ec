/*
 * damaged.h: moves a damaged cache out of the way, so that mail need not wait for a postmaster.
 */
#ifndef MTASTS_CACHE_DAMAGED_H
#define MTASTS_CACHE_DAMAGED_H

#include "files.h"
#include "mtasts.h"

enum {
  MTASTS_DAMAGED_MAX = 3, /* older files that are kept beside the newest */
};

/* Followed by the number of an unknown format (format.h). */
#define MTASTS_FILE_FORMAT "data.mdb.format-"

/*
 * Renames data.mdb to data.mdb.damaged. An older file of that name gets the date of its own damage
 * appended, as in data.mdb.damaged-20260131T235959Z; the newest MTASTS_DAMAGED_MAX of those stay.
 * The next writer that opens the store makes an empty data.mdb. Readers keep the old file until
 * they reopen.
 *
 * If data.mdb.damaged is not yet salvaged in full (salvage_mark.h), it keeps its name, since it has
 * more domains. Then data.mdb gets a date appended.
 *
 * A file of an unknown format is not damaged: it becomes data.mdb.format-N, and is never removed.
 * If a file of that name exists, the date is appended.
 *
 * format: if not NULL, gets the unknown format, or 0.
 *
 *   MTASTS_OK          done
 *   MTASTS_LOCKED      another process writes this cache: it may have repaired it
 *   MTASTS_PERMISSION, MTASTS_NO_FILE, MTASTS_IO
 */
enum mtasts_status mtasts_cache_move_damaged(const char *directory, unsigned *format);

/* The same for a caller that holds writer.lock and has the directory open. Returns 0 or an
 * errno. */
int mtasts_aside_rename(int directory);

#endif
