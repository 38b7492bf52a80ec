/*
 * outcome_store_private.h: what the files of the store share: the handle, and transactions. For
 * outcome_store.c, outcome_counters.c and report_state.c alone. Functions return 0, an errno or an
 * LMDB error.
 */
#ifndef MTASTS_REPORT_OUTCOME_STORE_PRIVATE_H
#define MTASTS_REPORT_OUTCOME_STORE_PRIVATE_H

#include "files.h"
#include "outcome_store.h"

struct mtasts_outcome_store {
  MDB_env *env;
  struct mtasts_counter_tables tables;
  uint64_t bytes_max; /* of pages in use; the map has working space besides */
  char *directory;
  bool write;
  dev_t device;        /* of data.mdb, */
  ino_t inode;         /* as it was checked */
  bool failed;         /* a write has failed: the environment is opened again before the next use */
  bool sound;          /* data.mdb was checked, by this process or one before it */
  unsigned bus_errors; /* mtasts_bus_error_count when lock.mdb was last whole in its file */
  struct mtasts_owner owner;
  int directory_fd; /* -1: not open */
  int lock;         /* writer.lock of a store that is open to write; -1: not open */
};

/* flags: MDB_RDONLY or 0. After a failed write, opens the environment again first. */
int mtasts_outcome_store_begin(struct mtasts_outcome_store *store, unsigned flags, MDB_txn **txn);

/* Commits, and then makes the file as long as its meta pages say: a process that maps a shorter one
 * would die of SIGBUS. */
int mtasts_outcome_store_commit(struct mtasts_outcome_store *store, MDB_txn *txn);

/* Aborts a transaction that has failed with `rc`, which it returns. */
int mtasts_outcome_store_abort(struct mtasts_outcome_store *store, MDB_txn *txn, int rc);

/* The bytes of all pages in use. */
int mtasts_outcome_store_used(struct mtasts_outcome_store *store, MDB_txn *txn, uint64_t *bytes);

#endif
