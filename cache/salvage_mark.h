/*
 * salvage_mark.h: is data.mdb.damaged not yet salvaged in full?
 *
 * The mark is an empty file in the cache's directory. It is set before a data.mdb is made beside a
 * data.mdb.damaged, and cleared when all that could be read of that file is in the new one. So a
 * directory that has a data.mdb.damaged and no data.mdb needs no mark: it is still to be salvaged.
 * Without the mark, a start after a crash would find a sound cache and not salvage the missing
 * domains.
 */
#ifndef MTASTS_CACHE_SALVAGE_MARK_H
#define MTASTS_CACHE_SALVAGE_MARK_H

#include <stdbool.h>

#include "files.h"

/* Is there a file to salvage? */
bool mtasts_salvage_mark_find(int directory);

/* Call it before a data.mdb is made. Sets the mark if there is a data.mdb.damaged. When it returns,
 * the mark is on the disk. Returns 0 or an errno. */
int mtasts_salvage_mark_set(int directory, const struct mtasts_owner *owner);

/* Returns 0, also if there was none, or an errno. */
int mtasts_salvage_mark_clear(int directory);

#endif
