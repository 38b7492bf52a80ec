/*
 * tree_check.h: is the inside of data.mdb sound?
 *
 * LMDB believes the pages of its trees: garbage in one makes it abort, crash or walk in circles.
 * This looks at each page without mapping any, for programs that people run on files of unknown
 * history; it is too slow for the start of a daemon.
 */
#ifndef MTASTS_TREE_CHECK_H
#define MTASTS_TREE_CHECK_H

#include "mtasts.h"

#define MTASTS_TREE_CHECK_MAX (256U << 20) /* bytes; a longer file is not walked */

/*
 *   MTASTS_OK       sound; or longer than MTASTS_TREE_CHECK_MAX, or written to meanwhile (which
 *                   its writer could not do if it were damaged), or not there
 *   MTASTS_CORRUPT  a page is not what the tree says it is
 */
enum mtasts_status mtasts_tree_check(const char *directory);

/*
 * The same for the few pages that reading one domain visits, however long the file: for a
 * program that must not die of somebody else's file (Exim). Costs about ten reads.
 */
enum mtasts_status mtasts_tree_check_domain(const char *directory,
                                            const struct mtasts_domain *domain);

#endif
