#include <sys/random.h>

#include "data_file.h"
#include "writer.h"

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

/* Moves `next` on, which is where a following batch begins. */
static int pass(MDB_txn *txn, struct mtasts_sweep *sweep, struct range *range, uint64_t most,
                uint64_t *removed, MDB_val *next) {
  unsigned char *store = range->key[range->from.mv_data == range->key[0]];
  MDB_cursor *cursor;
  MDB_val key = range->from;
  MDB_val value;
  int rc = mdb_cursor_open(txn, sweep->dbi, &cursor);
  if (rc != 0)
    return rc;
  rc = mdb_cursor_get(cursor, &key, &value, key.mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
  for (int seen = 0; rc == 0 && seen < SEEN_MAX && *removed < most; seen++) {
    if (range->until.mv_size > 0 && mdb_cmp(txn, sweep->dbi, &key, &range->until) >= 0) {
      rc = MDB_NOTFOUND;
      break;
    }
    bool goes = !sweep->judge || sweep->judge(sweep->context, sweep->dbi, &key, &value);
    mtasts_key_after(&key, store, next);
    if (goes && (rc = mdb_cursor_del(cursor, 0)) == 0)
      ++*removed;
    if (rc == 0)
      rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  mdb_cursor_close(cursor);
  range->done = rc == MDB_NOTFOUND;
  return range->done ? 0 : rc;
}

static int batch(struct mtasts_store *store, struct mtasts_sweep *sweep, struct range *range,
                 uint64_t most) {
  uint64_t removed = 0;
  MDB_val next = range->from;
  MDB_txn *txn;
  int rc = mtasts_store_begin(store, &txn);
  if (rc != 0)
    return rc;
  rc = pass(txn, sweep, range, most, &removed, &next);
  if (rc != 0 || removed == 0)
    mdb_txn_abort(txn);
  else
    rc = mtasts_data_commit(txn);
  if (rc == 0) {
    range->from = next;
    sweep->removed += removed;
  }
  return rc;
}

static int sweep_range(struct mtasts_store *store, struct mtasts_sweep *sweep,
                       struct range *range) {
  uint64_t most = REMOVED_MAX;
  int rc = 0;
  while (rc == 0 && !range->done && sweep->removed < sweep->limit) {
    uint64_t left = sweep->limit - sweep->removed;
    rc = batch(store, sweep, range, left < most ? left : most);
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
