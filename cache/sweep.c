#include <sys/random.h>

#include "data_file.h"
#include "store_private.h"

enum {
  SEEN_MAX = 4096,   /* entries looked at in one transaction */
  REMOVED_MAX = 128, /* entries removed in one transaction */
};

/* What is left to pass: from a key on, up to another; an empty one is no bound. */
struct range {
  MDB_val from;
  MDB_val until;
  bool done;
  unsigned char key[2][MTASTS_KEY_MAX + 1]; /* `from` is in one, the next one goes to the other */
};

/* What one transaction removes. */
struct tally {
  uint64_t most; /* entries */
  uint64_t removed;
  uint64_t gone; /* as the sweep's limit is meant */
};

/* Moves `next` on, which is where a following batch begins. */
static int pass(MDB_txn *txn, struct mtasts_sweep *sweep, struct range *range, struct tally *tally,
                MDB_val *next) {
  unsigned char *store = range->key[range->from.mv_data == range->key[0]];
  MDB_cursor *cursor;
  MDB_val key = range->from;
  MDB_val value;
  int rc = mdb_cursor_open(txn, sweep->dbi, &cursor);
  if (rc != 0)
    return rc;
  rc = mdb_cursor_get(cursor, &key, &value, key.mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
  for (int seen = 0; rc == 0 && seen < SEEN_MAX && tally->removed < tally->most &&
                     sweep->gone + tally->gone < sweep->limit;
       seen++) {
    if ((rc = mtasts_key_check(&key, next)) != 0)
      break;
    if (range->until.mv_size > 0 && mtasts_keys_compare(&key, &range->until) >= 0) {
      rc = MDB_NOTFOUND;
      break;
    }
    bool goes = !sweep->judge || sweep->judge(sweep->context, sweep->dbi, &key, &value);
    uint64_t size = sweep->in_bytes ? key.mv_size + value.mv_size : 1;
    mtasts_key_after(&key, store, next);
    if (goes && (rc = mdb_cursor_del(cursor, 0)) == 0) {
      tally->removed++;
      tally->gone += size;
    }
    if (rc == 0)
      rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  mdb_cursor_close(cursor);
  range->done = rc == MDB_NOTFOUND;
  return range->done ? 0 : rc;
}

static int batch(struct mtasts_store *store, struct mtasts_sweep *sweep, struct range *range,
                 uint64_t most) {
  struct tally tally = {.most = most};
  MDB_val next = range->from;
  MDB_txn *txn;
  int rc = mtasts_store_begin(store, &txn);
  if (rc != 0)
    return rc;
  rc = pass(txn, sweep, range, &tally, &next);
  if (rc != 0 || tally.removed == 0)
    mdb_txn_abort(txn);
  else
    rc = mtasts_store_commit(store, txn);
  if (rc == 0) {
    range->from = next;
    sweep->removed += tally.removed;
    sweep->gone += tally.gone;
  }
  return rc;
}

static int sweep_range(struct mtasts_store *store, struct mtasts_sweep *sweep,
                       struct range *range) {
  uint64_t most = REMOVED_MAX;
  int rc = 0;
  while (rc == 0 && !range->done && sweep->gone < sweep->limit) {
    rc = batch(store, sweep, range, most);
    /* Removing takes pages, too, until it has been committed: in a full map, fewer at once. */
    if (rc == MDB_MAP_FULL && most > 1) {
      most /= 2;
      range->done = false;
      rc = 0;
    }
  }
  return rc;
}

int mtasts_sweep(struct mtasts_store *store, struct mtasts_sweep *sweep) {
  struct range all = {.done = false};
  return sweep_range(store, sweep, &all);
}

int mtasts_sweep_round(struct mtasts_store *store, struct mtasts_sweep *sweep) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  unsigned char random[2] = {0};
  char start[2];
  if (getrandom(random, sizeof random, GRND_NONBLOCK) < 0)
    random[0] = (unsigned char)mtasts_store_uptime();
  for (size_t i = 0; i < sizeof start; i++)
    start[i] = letters[random[i] % (sizeof letters - 1)];
  const MDB_val middle = {sizeof start, start};
  struct range after = {.from = middle};
  struct range before = {.until = middle};
  int rc = sweep_range(store, sweep, &after);
  return rc == 0 ? sweep_range(store, sweep, &before) : rc;
}
