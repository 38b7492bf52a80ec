/*
 * tree_check.h: is the inside of data.mdb sound?
 *
 * LMDB believes the pages of its trees: garbage in one makes it abort, crash or walk in circles.
 * This looks at each page without mapping any, for files of unknown history; those that a writer
 * has closed in order are known (clean_shutdown.h).
 */
#ifndef MTASTS_TREE_CHECK_H
#define MTASTS_TREE_CHECK_H

#include <stdatomic.h>

#include "mtasts.h"

/*
 *   MTASTS_OK       sound; or written to meanwhile (which its writer could not do if it were
 *                   damaged), or not there
 *   MTASTS_CORRUPT  a page is not what the tree says it is, is used twice, or used and free
 */
enum mtasts_status mtasts_tree_check(const char *directory);

/* The same in a thread of its own; ends soon after another thread has set `stop`, and returns
 * MTASTS_TIMEOUT then. */
enum mtasts_status mtasts_tree_check_until(const char *directory, const atomic_bool *stop);

/*
 * Lengthens data.mdb where its meta pages speak of more pages than it has, and none of those that
 * are missing is in use. A writer leaves it so that is killed just after a commit, or whose machine
 * is: pages at the end that a transaction took and gave back were never written
 * (mtasts_data_commit). For a writer that holds the cache; any other file is left as it is. Returns
 * 0 or an errno.
 */
int mtasts_tree_lengthen(int directory);

/*
 * Reads one domain's value, with a few reads of the file: for a program that must not die, hang or
 * wait for the sake of somebody else's file (Exim, which does this as root in its routers). Maps
 * nothing, takes no lock and no reader slot, creates nothing, follows no link in the place of the
 * file, and looks at each page before it believes it. A writer uses pages of a commit again in the
 * third one after it, and no sooner: a read during which two have ended is begun anew.
 *
 * value: room for MTASTS_ENTRY_SIZE_MAX bytes; entry points into it.
 *
 *   MTASTS_ABSENT      not in the cache
 *   MTASTS_NO_FILE     no cache there
 *   MTASTS_PERMISSION  may not be read, or is no regular file
 *   MTASTS_CORRUPT     not a cache of this version, truncated, or damaged on the way to the domain
 *   MTASTS_LOCKED      written to faster than it can be read
 *   MTASTS_IO          anything else; errno is set
 */
enum mtasts_status mtasts_tree_read(const char *directory, const struct mtasts_domain *domain,
                                    unsigned char *value, struct mtasts_entry *entry);

/* The same of a file of another name in that directory. */
enum mtasts_status mtasts_tree_read_file(const char *directory, const char *name,
                                         const struct mtasts_domain *domain, unsigned char *value,
                                         struct mtasts_entry *entry);

#endif
