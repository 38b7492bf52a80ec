#include <sys/random.h>

#include "data_file.h"
#include "store_private.h"

enum {
  SEEN_MAX = 4096,   /* entries visited in one transaction */
  REMOVED_MAX = 128, /* entries removed in one transaction */
};

/* The keys that are left: from one key up to another; an empty key is no bound. */
struct range {
  MDB_val from;
  MDB_val until;
  bool done;
  unsigned char
      key[2][MTASTS_LMDB_KEY_MAX + 1]; /* `from` is in one, the next key is written to the other */
};

/* The limit of one transaction, and what it has removed. */
struct totals {
  uint64_t max; /* entries */
  uint64_t removed;
  uint64_t deleted; /* in the unit of the deletion's limit */
};

/* Moves `next` on; the following batch begins there. */
static int pass(MDB_txn *txn, struct mtasts_bulk_delete *deletion, struct range *range,
                struct totals *totals, MDB_val *next) {
  unsigned char *store = range->key[range->from.mv_data == range->key[0]];
  MDB_cursor *cursor;
  MDB_val key = range->from;
  MDB_val value;
  int rc = mdb_cursor_open(txn, deletion->dbi, &cursor);
  if (rc != 0)
    return rc;
  rc = mdb_cursor_get(cursor, &key, &value, key.mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
  for (int seen = 0; rc == 0 && seen < SEEN_MAX && totals->removed < totals->max &&
                     deletion->deleted + totals->deleted < deletion->limit;
       seen++) {
    if ((rc = mtasts_key_check(&key, next)) != 0)
      break;
    if (range->until.mv_size > 0 && mtasts_key_compare(&key, &range->until) >= 0) {
      rc = MDB_NOTFOUND;
      break;
    }
    bool goes =
        !deletion->selects || deletion->selects(deletion->context, deletion->dbi, &key, &value);
    uint64_t size = deletion->in_bytes ? key.mv_size + value.mv_size : 1;
    mtasts_key_after(&key, store, next);
    if (goes && (rc = mdb_cursor_del(cursor, 0)) == 0) {
      totals->removed++;
      totals->deleted += size;
    }
    if (rc == 0)
      rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  mdb_cursor_close(cursor);
  range->done = rc == MDB_NOTFOUND;
  return range->done ? 0 : rc;
}

static int batch(struct mtasts_store *store, struct mtasts_bulk_delete *deletion,
                 struct range *range, uint64_t max) {
  struct totals totals = {.max = max};
  MDB_val next = range->from;
  MDB_txn *txn;
  int rc = mtasts_store_begin(store, &txn);
  if (rc != 0)
    return rc;
  rc = pass(txn, deletion, range, &totals, &next);
  if (rc != 0 || totals.removed == 0)
    mdb_txn_abort(txn);
  else
    rc = mtasts_store_commit(store, txn);
  if (rc == 0) {
    range->from = next;
    deletion->removed += totals.removed;
    deletion->deleted += totals.deleted;
  }
  return rc;
}

static int delete_range(struct mtasts_store *store, struct mtasts_bulk_delete *deletion,
                        struct range *range) {
  uint64_t max = REMOVED_MAX;
  int rc = 0;
  while (rc == 0 && !range->done && deletion->deleted < deletion->limit) {
    rc = batch(store, deletion, range, max);
    /* Until its commit, a removal takes pages, too. In a full map, remove fewer at once. */
    if (rc == MDB_MAP_FULL && max > 1) {
      max /= 2;
      range->done = false;
      rc = 0;
    }
  }
  return rc;
}

int mtasts_bulk_delete(struct mtasts_store *store, struct mtasts_bulk_delete *deletion) {
  struct range all = {.done = false};
  return delete_range(store, deletion, &all);
}

int mtasts_bulk_delete_from_random(struct mtasts_store *store,
                                   struct mtasts_bulk_delete *deletion) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  unsigned char random[2] = {0};
  char start[2];
  if (getrandom(random, sizeof random, GRND_NONBLOCK) < 0)
    random[0] = (unsigned char)mtasts_store_monotonic_seconds();
  for (size_t i = 0; i < sizeof start; i++)
    start[i] = letters[random[i] % (sizeof letters - 1)];
  const MDB_val middle = {sizeof start, start};
  struct range after = {.from = middle};
  struct range before = {.until = middle};
  int rc = delete_range(store, deletion, &after);
  return rc == 0 ? delete_range(store, deletion, &before) : rc;
}
