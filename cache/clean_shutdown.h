/*
 * clean_shutdown.h: is data.mdb as its writer left it?
 *
 * Who maps a file of unknown history looks at each of its pages first (tree_check.h), which reads
 * all of it. Most files have a history: a writer that closes its store
 * in order leaves a clean-shutdown mark in writer.lock, which says what data.mdb was then, to the
 * nanosecond of its last change of any kind; a writer that opens a store takes the clean-shutdown
 * mark back. So after a crash, in a copy, in a file that was restored, or that anybody has touched,
 * there is none that fits, and all is looked at.
 *
 * A clean-shutdown mark is believed by the user alone who owns both files: another user could be
 * made to map a damaged file. Of the group, who may write writer.lock can have the check left out,
 * but cannot write what would be checked.
 */
#ifndef MTASTS_CACHE_CLEAN_SHUTDOWN_H
#define MTASTS_CACHE_CLEAN_SHUTDOWN_H

#include <stdbool.h>

#include "mtasts.h"

/* Leaves the clean-shutdown mark; the environment has been closed. Returns 0 or an errno. */
int mtasts_clean_shutdown_write(int directory, int writer_lock);

/* Takes it back, for good: it is gone from the disk before anything else is written. */
int mtasts_clean_shutdown_clear(int writer_lock);

/* Is there a clean-shutdown mark that fits, of a user who may be believed? */
bool mtasts_stamp_fits(const char *directory);

/* Like mtasts_tree_check, of a file that has no clean-shutdown mark that fits. */
enum mtasts_status mtasts_clean_shutdown_check(const char *directory);

#endif
