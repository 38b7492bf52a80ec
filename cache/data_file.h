/*
 * data_file.h: data.mdb as a file: judged before it is mapped, made and replaced whole.
 *
 * LMDB maps what it is given, and whoever touches a page past the end of a file dies of
 * SIGBUS. So a file has to be as long as its meta pages say before it is mapped. Functions
 * return 0, an errno or an LMDB error.
 */
#ifndef MTASTS_CACHE_DATA_FILE_H
#define MTASTS_CACHE_DATA_FILE_H

#include <lmdb.h>
#include <stdint.h>

#include "files.h"
#include "format.h"
#include "meta_page.h"

#define MTASTS_DB_POLICIES     "policies"
#define MTASTS_DB_ABSENT       "absent"
/* In the main database, which holds those two, beside the format (format.h). */
#define MTASTS_DB_POSITION_KEY "note"

/*
 * Makes data.mdb: empty, or a compact copy of `from` where that is not NULL. It takes the place
 * of the old file at once; a crash leaves the one or the other.
 */
int mtasts_data_make(const char *directory, int directory_fd, const struct mtasts_owner *owner,
                     MDB_env *from);

/*
 * Commits, and sees to it that the file is as long as its meta pages say: LMDB never writes
 * pages at the end that a transaction took and gave back. Who is killed between the two leaves that
 * to the next writer (mtasts_tree_lengthen).
 */
int mtasts_data_commit(MDB_txn *txn);

/* Makes the databases where they are missing, and writes the format: a commit that changes nothing
 * else. */
int mtasts_data_write_format(MDB_env *env);
int mtasts_data_put_format(MDB_txn *txn, MDB_dbi main);

/* Bytes that the newest commit takes. */
int mtasts_data_size(MDB_env *env, uint64_t *bytes);

#endif
