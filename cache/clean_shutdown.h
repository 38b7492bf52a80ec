/*
 * clean_shutdown.h: is data.mdb unchanged since its writer closed it?
 *
 * Before a file of unknown history is mapped, each of its pages is checked (tree_check.h), which
 * reads the whole file. The clean-shutdown mark saves this check. A writer that closes its store in
 * order leaves the mark in writer.lock. It identifies data.mdb as it was then, to the nanosecond of
 * its last change of any kind. A writer that opens a store clears the mark. So no mark fits after a
 * crash, in a copy, or if the file was restored or touched, and each page is checked.
 *
 * Only the user who owns both files believes the mark: otherwise another user could be made to map
 * a damaged file. A member of the group who may write writer.lock can suppress the check, but
 * cannot write the file that would be checked.
 */
#ifndef MTASTS_CACHE_CLEAN_SHUTDOWN_H
#define MTASTS_CACHE_CLEAN_SHUTDOWN_H

#include <stdbool.h>

#include "mtasts.h"

/* Writes the clean-shutdown mark, after the environment was closed. Returns 0 or an errno. */
int mtasts_clean_shutdown_write(int directory, int writer_lock);

/* Clears the mark. It is gone from the disk before anything else is written. */
int mtasts_clean_shutdown_clear(int writer_lock);

/* Is there a clean-shutdown mark that fits, from a user who may be believed? */
bool mtasts_stamp_fits(const char *directory);

/* mtasts_tree_check, unless a clean-shutdown mark fits. */
enum mtasts_status mtasts_clean_shutdown_check(const char *directory);

#endif
