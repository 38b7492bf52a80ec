/*
 * store_private.h: the inside of a store, for store.c, saved_position.c, quota.c, bulk_delete.c,
 * reader_watch.c and maintenance.c only.
 *
 * Functions return 0, an errno or an LMDB error.
 */
#ifndef MTASTS_STORE_PRIVATE_H
#define MTASTS_STORE_PRIVATE_H

#include "environment.h"
#include "store.h"

/* The kinds of warnings; each is given at most once a minute. */
enum mtasts_store_warning {
  MTASTS_STORE_WARNING_DAMAGE,
  MTASTS_STORE_WARNING_FULL,
  MTASTS_STORE_WARNING_READER,
  MTASTS_STORE_WARNING_PAUSED,
  MTASTS_STORE_WARNING_RESUMED,
  MTASTS_STORE_WARNING_LOST,
  MTASTS_STORE_WARNING_REOPENED,
  MTASTS_STORE_WARNING_LOCK,
  MTASTS_STORE_WARNING_LOCK_BACK,
  MTASTS_STORE_WARNINGS,
};

/* A process that keeps reading an old state of the cache, so that freed pages cannot be reused. */
struct mtasts_stale_reader {
  long pid;
  size_t transaction;
};

struct mtasts_store {
  struct mtasts_cache cache;
  struct mtasts_store_options options;
  char *directory;
  const char *name; /* of the directory, in warnings */
  int directory_fd;
  int lock_fd;
  struct mtasts_change *pending[MTASTS_STORE_GROUP];
  size_t count;
  int64_t now;                             /* the last time that a caller gave, since the epoch */
  int64_t warned[MTASTS_STORE_WARNINGS];   /* on the monotonic clock, in seconds; 0: never */
  int64_t others_checked;                  /* likewise */
  struct mtasts_stale_reader stale_reader; /* the one that a warning named last */
  unsigned bus_errors; /* mtasts_bus_error_count when lock.mdb was last whole in its file */
  int64_t lock_tried;  /* the last attempt to replace it; likewise */
  bool paused;         /* are entries without a policy refused? */
  bool fails;          /* has a write failed, and none succeeded since? */
  bool moved;          /* is the damaged file out of the way (mtasts_store_replace)? */
  bool env_failed; /* has LMDB given up the environment? Then no clean-shutdown mark is written */
  bool full_of_policies; /* likewise: do policies alone leave no room for such an entry? */
  uint64_t salt;         /* of the hash of organisational domains, see quota.c */
  uint64_t removed;      /* entries removed by the last group that was written */
  unsigned char position[MTASTS_STORE_POSITION_MAX];
  size_t position_size;     /* bytes */
  bool position_pending;    /* not written yet */
  int64_t position_flushed; /* the last commit made for it, on the monotonic clock, in seconds */
};

int64_t mtasts_store_monotonic_seconds(void); /* seconds on the monotonic clock */

__attribute__((format(printf, 3, 4))) void mtasts_store_warn(struct mtasts_store *store,
                                                             enum mtasts_store_warning warning,
                                                             const char *format, ...);

/* Begins to write; mtasts_store_commit ends it. Both record in `fails` whether writing works. */
int mtasts_store_begin(struct mtasts_store *store, MDB_txn **txn);
int mtasts_store_commit(struct mtasts_store *store, MDB_txn *txn);

/* Call it after a failure. LMDB gives an environment up for good if it cannot write a meta page.
 * Then this opens the environment again, so that reading and writing go on, and returns true. */
bool mtasts_store_reopen_env(struct mtasts_store *store);

/* Opens the environment again, while its readers stay. */
int mtasts_store_reopen(struct mtasts_store *store);

/* Writes the pending saved position. */
int mtasts_saved_position_write(struct mtasts_store *store, MDB_txn *txn);

/* Is this entry to be deleted? */
typedef bool mtasts_bulk_delete_fn(void *context, MDB_dbi dbi, const MDB_val *key,
                                   const MDB_val *value);

/*
 * A pass over one database that deletes the entries that `selects` selects, in bounded
 * transactions. If one of them finds no room, `selects` is called again for its entries.
 */
struct mtasts_bulk_delete {
  MDB_dbi dbi;
  mtasts_bulk_delete_fn *selects; /* NULL: all */
  void *context;
  uint64_t limit;   /* ends when so much is deleted */
  bool in_bytes;    /* the limit is in bytes of names and values, else in entries */
  uint64_t deleted; /* in the limit's unit */
  uint64_t removed; /* entries */
};

/* In the order of the keys. */
int mtasts_bulk_delete(struct mtasts_store *store, struct mtasts_bulk_delete *deletion);
/* Once through the whole database from a random key on, so that no part of the alphabet is always
 * deleted first. */
int mtasts_bulk_delete_from_random(struct mtasts_store *store, struct mtasts_bulk_delete *deletion);

/* Call it after a commit. Looks for stale readers, and begins or ends the pause of
 * mtasts_store_put. While the file is smaller than MTASTS_STORE_PAUSE says, it looks only once a
 * minute. */
void mtasts_reader_watch_check(struct mtasts_store *store);
/* Were pages of lock.mdb replaced by copies in memory (bus_error.h)? Then warns, and makes a new
 * lock.mdb as soon as a group was written. */
void mtasts_watch_lock(struct mtasts_store *store, bool written);
/* Is the storing of entries without a policy still paused? */
bool mtasts_reader_watch_paused(struct mtasts_store *store);

/* Evicts until the quotas and the reserve hold. */
int mtasts_quota_enforce(struct mtasts_store *store);
/* Would an entry without a policy be evicted at once? */
bool mtasts_quota_would_evict(struct mtasts_store *store);
/* Evicts a part of the absent entries. */
int mtasts_quota_evict_absent(struct mtasts_store *store, uint64_t *removed);

#endif
