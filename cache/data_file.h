/*
 * data_file.h: data.mdb as a file: made, replaced as a whole, committed, measured.
 *
 * LMDB maps any file, and a process that reads a mapped page past the end of the file dies of
 * SIGBUS. So a file must be as long as its meta pages say before it is mapped. Functions return 0,
 * an errno or an LMDB error.
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
/* A key of the main database, which also holds those two and the format (format.h). */
#define MTASTS_DB_POSITION_KEY "note"

/*
 * Makes data.mdb: empty, or a compact copy of `from` if that is not NULL. It replaces the old file
 * atomically: a crash leaves either the old or the new one.
 */
int mtasts_data_make(const char *directory, int directory_fd, const struct mtasts_owner *owner,
                     MDB_env *from);

/*
 * Commits, and then makes the file as long as its meta pages say: LMDB never writes pages at the
 * end that a transaction took and gave back. If the process dies in between, the next writer
 * lengthens the file (mtasts_tree_lengthen).
 */
int mtasts_data_commit(MDB_txn *txn);

/* Makes the databases if they are missing, and writes the format: a commit that changes nothing
 * else. */
int mtasts_data_write_format(MDB_env *env);
int mtasts_data_put_format(MDB_txn *txn, MDB_dbi main);

/* *bytes: the size of the newest commit. */
int mtasts_data_size(MDB_env *env, uint64_t *bytes);

#endif
