/*
 * outcome_store_private.h: what the files of the store share: the handle, and transactions. For
 * outcome_store.c, outcome_counters.c and report_state.c alone. Functions return 0, an errno or an
 * LMDB error.
 */
#ifndef MTASTS_REPORT_OUTCOME_STORE_PRIVATE_H
#define MTASTS_REPORT_OUTCOME_STORE_PRIVATE_H

#include "outcome_store.h"

struct mtasts_outcome_store {
  MDB_env *env;
  struct mtasts_counter_tables tables;
  uint64_t bytes_max; /* of pages in use; the map has working space besides */
  char *directory;
};

/* flags: MDB_RDONLY or 0. */
int mtasts_outcome_store_begin(struct mtasts_outcome_store *store, unsigned flags, MDB_txn **txn);

/* Commits, and then makes the file as long as its meta pages say: a process that maps a shorter one
 * would die of SIGBUS. */
int mtasts_outcome_store_commit(struct mtasts_outcome_store *store, MDB_txn *txn);

/* The bytes of all pages in use. */
int mtasts_outcome_store_used(struct mtasts_outcome_store *store, MDB_txn *txn, uint64_t *bytes);

#endif
