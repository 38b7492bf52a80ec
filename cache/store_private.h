/*
 * store_private.h: the inside of a store, for store.c, note.c, quota.c, sweep.c, watch.c and
 * upkeep.c alone.
 *
 * Functions return 0, an errno or an LMDB error.
 */
#ifndef MTASTS_STORE_PRIVATE_H
#define MTASTS_STORE_PRIVATE_H

#include "environment.h"
#include "store.h"

/* What there is to warn of; each at most once a minute. */
enum mtasts_concern {
  MTASTS_CONCERN_DAMAGE,
  MTASTS_CONCERN_FULL,
  MTASTS_CONCERN_READER,
  MTASTS_CONCERN_PAUSED,
  MTASTS_CONCERN_RESUMED,
  MTASTS_CONCERN_GONE,
  MTASTS_CONCERN_REVIVED,
  MTASTS_CONCERN_LOCK,
  MTASTS_CONCERN_LOCK_BACK,
  MTASTS_CONCERNS,
};

/* A process that keeps reading an old state of the cache. */
struct mtasts_laggard {
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
  int64_t now;                     /* the last we were told, since the epoch */
  int64_t warned[MTASTS_CONCERNS]; /* on the monotonic clock, in seconds; 0: never */
  int64_t others_checked;          /* likewise */
  struct mtasts_laggard laggard;   /* that was named last */
  unsigned bus_errors;             /* by bus_error.h, when lock.mdb was last a file in full */
  int64_t lock_tried;              /* to have it so again; likewise */
  bool paused;                     /* are entries without a policy refused? */
  bool fails;                      /* has a write failed, and none succeeded since? */
  bool hurt;                       /* has LMDB given up the environment? Then no stamp is left */
  bool crowded;                    /* likewise: did policies alone leave no room for one? */
  uint64_t salt;                   /* of the hash of organisational domains, see quota.c */
  uint64_t removed;                /* by the last group that was written */
  unsigned char note[MTASTS_STORE_NOTE_MAX];
  size_t note_size;     /* bytes */
  bool note_pending;    /* not written yet */
  int64_t note_flushed; /* the last commit for its sake, on the monotonic clock, in seconds */
};

int64_t mtasts_store_uptime(void); /* seconds on the monotonic clock */

__attribute__((format(printf, 3, 4))) void
mtasts_store_warn(struct mtasts_store *store, enum mtasts_concern concern, const char *format, ...);

/* Begins to write; mtasts_store_commit ends it. Both note whether writing works. */
int mtasts_store_begin(struct mtasts_store *store, MDB_txn **txn);
int mtasts_store_commit(struct mtasts_store *store, MDB_txn *txn);

/* After a failure: if LMDB has given up the environment, for good, as it does when a meta page
 * cannot be written, opens it again, so that reading and writing go on. True: it did. */
bool mtasts_store_revive(struct mtasts_store *store);

/* Opens the environment anew under its readers. */
int mtasts_store_reopen(struct mtasts_store *store);

/* Writes the note that is pending. */
int mtasts_note_write(struct mtasts_store *store, MDB_txn *txn);

/* Is this entry to go? */
typedef bool mtasts_judge_fn(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value);

/*
 * A sweep passes through a database and removes what the judge says, in bounded
 * transactions. Where one of them finds no room, its entries are judged again.
 */
struct mtasts_sweep {
  MDB_dbi dbi;
  mtasts_judge_fn *judge; /* NULL: all are to go */
  void *context;
  uint64_t limit;   /* ends when so much has gone */
  bool in_bytes;    /* of names and values is the limit, else in entries */
  uint64_t gone;    /* as the limit is meant */
  uint64_t removed; /* entries */
};

/* In the order of the keys. */
int mtasts_sweep(struct mtasts_store *store, struct mtasts_sweep *sweep);
/* Once round from a random place, so that no part of the alphabet always goes first. */
int mtasts_sweep_round(struct mtasts_store *store, struct mtasts_sweep *sweep);

/* Looks after a commit at what others do, and begins or ends the pause of mtasts_store_put. In a
 * file that is not past the line that costs nothing, but once a minute. */
void mtasts_watch_others(struct mtasts_store *store);
/* Was lock.mdb taken into memory (bus_error.h)? Says so, and as soon as a group was written, makes
 * another file of it. */
void mtasts_watch_lock(struct mtasts_store *store, bool written);
/* Is storing of entries without a policy paused still? */
bool mtasts_watch_paused(struct mtasts_store *store);

/* Evicts until the quotas and the reserve hold. */
int mtasts_quota_hold(struct mtasts_store *store);
/* Would an entry without a policy be evicted at once? */
bool mtasts_quota_crowded(struct mtasts_store *store);
/* Evicts a part of the absent entries. */
int mtasts_quota_evict_absent(struct mtasts_store *store, uint64_t *removed);

#endif
