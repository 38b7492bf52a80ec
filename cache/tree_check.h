/*
 * tree_check.h: are the trees of data.mdb sound?
 *
 * LMDB trusts the pages of its trees: garbage in one makes it abort, crash or loop. So each page of
 * a file of unknown history is checked first, without a map. A file that its writer has closed in
 * order need not be checked (clean_shutdown.h).
 */
#ifndef MTASTS_TREE_CHECK_H
#define MTASTS_TREE_CHECK_H

#include <stdatomic.h>

#include "mtasts.h"

/*
 *   MTASTS_OK       sound, or not there; or written to meanwhile, which its writer could not do if
 *                   it were damaged
 *   MTASTS_CORRUPT  a page is not what the tree says, or is used twice, or is both used and free
 */
enum mtasts_status mtasts_tree_check(const char *directory);

/* The same, to run in a thread of its own. Ends soon after another thread has set `stop`, and
 * returns MTASTS_TIMEOUT then. */
enum mtasts_status mtasts_tree_check_until(const char *directory, const atomic_bool *stop);

/*
 * Lengthens data.mdb if its meta pages count more pages than it has, and none of the missing ones
 * is in use. Any other file is left as it is. Such a file remains if the writer or the machine dies
 * just after a commit: LMDB never writes pages at the end that a transaction took and gave back
 * (mtasts_data_commit). For a writer that holds writer.lock. Returns 0 or an errno.
 */
int mtasts_tree_lengthen(int directory);

/*
 * Reads one domain's value, with a few reads of the file. It is for a program that must not die,
 * hang or wait because of another user's file: Exim calls it as root in its routers. Maps nothing,
 * takes no lock and no reader slot, creates nothing, follows no link in place of the file, and
 * checks each page before it trusts it. A writer reuses pages of a commit in the third commit after
 * it at the earliest. So if two commits end during a read, the read starts again.
 *
 * value: room for MTASTS_ENTRY_SIZE_MAX bytes; entry points into it.
 *
 *   MTASTS_ABSENT      not in the cache
 *   MTASTS_NO_FILE     no cache there
 *   MTASTS_PERMISSION  may not be read, or is not a regular file
 *   MTASTS_CORRUPT     not a cache of this version, truncated, or damaged on the way to the domain
 *   MTASTS_LOCKED      commits follow each other faster than it can be read
 *   MTASTS_IO          anything else; errno is set
 */
enum mtasts_status mtasts_tree_read(const char *directory, const struct mtasts_domain *domain,
                                    unsigned char *value, struct mtasts_entry *entry);

/* The same for a file of another name in that directory. */
enum mtasts_status mtasts_tree_read_file(const char *directory, const char *name,
                                         const struct mtasts_domain *domain, unsigned char *value,
                                         struct mtasts_entry *entry);

#endif
