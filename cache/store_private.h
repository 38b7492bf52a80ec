/*
 * store_private.h: the inside of a store, for store.c, saved_position.c, quota.c, bulk_delete.c,
 * reader_watch.c and maintenance.c alone.
 *
 * Functions return 0, an errno or an LMDB error.
 */
#ifndef MTASTS_STORE_PRIVATE_H
#define MTASTS_STORE_PRIVATE_H

#include "environment.h"
#include "store.h"

/* What there is to warn of; each at most once a minute. */
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

/* A process that keeps reading an old state of the cache. */
struct mtasts_stale_reader {
  long pid;
  size_t transaction;
};

struct mtasts_store {
  struct mtasts_cache cache;
  struct mtasts_store_options options;
  char *directory;
  const char *name; /* of it, in sentences */
  int directory_fd;
  int lock_fd;
  struct mtasts_change *pending[MTASTS_STORE_GROUP];
  size_t count;
  int64_t now;                             /* the last we were told, since the epoch */
  int64_t warned[MTASTS_STORE_WARNINGS];   /* on the monotonic clock, in seconds; 0: never */
  int64_t others_checked;                  /* likewise */
  struct mtasts_stale_reader stale_reader; /* that was named last */
  unsigned bus_errors; /* by bus_error.h, when lock.mdb was last a file in full */
  int64_t lock_tried;  /* to have it so again; likewise */
  bool paused;         /* are entries without a policy refused? */
  bool fails;          /* has a write failed, and none succeeded since? */
  bool moved;          /* is the damaged file out of the way (mtasts_store_replace)? */
  bool env_failed;     /* has LMDB given up the environment? Then no clean-shutdown mark is left */
  bool full_of_policies; /* likewise: did policies alone leave no room for one? */
  uint64_t salt;         /* of the hash of organisational domains, see quota.c */
  uint64_t removed;      /* by the last group that was written */
  unsigned char position[MTASTS_STORE_POSITION_MAX];
  size_t position_size;     /* bytes */
  bool position_pending;    /* not written yet */
  int64_t position_flushed; /* the last commit for its sake, on the monotonic clock, in seconds */
};

int64_t mtasts_store_monotonic_seconds(void); /* seconds on the monotonic clock */

__attribute__((format(printf, 3, 4))) void mtasts_store_warn(struct mtasts_store *store,
                                                             enum mtasts_store_warning warning,
                                                             const char *format, ...);

/* Begins to write; mtasts_store_commit ends it. Both note whether writing works. */
int mtasts_store_begin(struct mtasts_store *store, MDB_txn **txn);
int mtasts_store_commit(struct mtasts_store *store, MDB_txn *txn);

/* After a failure: if LMDB has given up the environment, for good, as it does when a meta page
 * cannot be written, opens it again, so that reading and writing go on. True: it did. */
bool mtasts_store_reopen_env(struct mtasts_store *store);

/* Opens the environment anew under its readers. */
int mtasts_store_reopen(struct mtasts_store *store);

/* Writes the note that is pending. */
int mtasts_saved_position_write(struct mtasts_store *store, MDB_txn *txn);

/* Is this entry to go? */
typedef bool mtasts_bulk_delete_fn(void *context, MDB_dbi dbi, const MDB_val *key,
                                   const MDB_val *value);

/*
 * A sweep passes through a database and removes what the judge says, in bounded
 * transactions. Where one of them finds no room, its entries are judged again.
 */
struct mtasts_bulk_delete {
  MDB_dbi dbi;
  mtasts_bulk_delete_fn *selects; /* NULL: all are to go */
  void *context;
  uint64_t limit;   /* ends when so much has gone */
  bool in_bytes;    /* of names and values is the limit, else in entries */
  uint64_t deleted; /* as the limit is meant */
  uint64_t removed; /* entries */
};

/* In the order of the keys. */
int mtasts_bulk_delete(struct mtasts_store *store, struct mtasts_bulk_delete *deletion);
/* Once round from a random place, so that no part of the alphabet always goes first. */
int mtasts_bulk_delete_from_random(struct mtasts_store *store, struct mtasts_bulk_delete *deletion);

/* Looks after a commit at what others do, and begins or ends the pause of mtasts_store_put. In a
 * file that is not past the line that costs nothing, but once a minute. */
void mtasts_reader_watch_check(struct mtasts_store *store);
/* Was lock.mdb taken into memory (bus_error.h)? Says so, and as soon as a group was written, makes
 * another file of it. */
void mtasts_watch_lock(struct mtasts_store *store, bool written);
/* Is storing of entries without a policy paused still? */
bool mtasts_reader_watch_paused(struct mtasts_store *store);

/* Evicts until the quotas and the reserve hold. */
int mtasts_quota_enforce(struct mtasts_store *store);
/* Would an entry without a policy be evicted at once? */
bool mtasts_quota_would_evict(struct mtasts_store *store);
/* Evicts a part of the absent entries. */
int mtasts_quota_evict_absent(struct mtasts_store *store, uint64_t *removed);

#endif
