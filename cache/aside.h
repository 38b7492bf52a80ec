/*
 * aside.h: a damaged cache is moved out of the way, so that mail need not wait for a postmaster.
 */
#ifndef MTASTS_CACHE_ASIDE_H
#define MTASTS_CACHE_ASIDE_H

#include "mtasts.h"

#define MTASTS_FILE_DAMAGED "data.mdb.damaged"

/*
 * Renames data.mdb to data.mdb.damaged, in the place of an older one. Who opens the store next
 * makes an empty one; readers keep the old file until they reopen.
 *
 *   MTASTS_OK          done
 *   MTASTS_LOCKED      another process writes this cache: it has perhaps mended it
 *   MTASTS_PERMISSION, MTASTS_NO_FILE, MTASTS_IO
 */
enum mtasts_status mtasts_cache_aside(const char *directory);

#endif
