#include <errno.h>

#include "data_file.h"
#include "store_private.h"

enum {
  POSITION_INTERVAL = 60 /* seconds between commits made only for the position */
};

static MDB_val position_key(void) {
  return (MDB_val){sizeof MTASTS_DB_POSITION_KEY - 1, (void *)(uintptr_t)MTASTS_DB_POSITION_KEY};
}

int mtasts_saved_position_write(struct mtasts_store *store, MDB_txn *txn) {
  MDB_val key = position_key();
  MDB_val value = {store->position_size, store->position};
  return store->position_pending ? mdb_put(txn, store->cache.main, &key, &value, 0) : 0;
}

enum mtasts_status mtasts_store_save_position(struct mtasts_store *store, const void *bytes,
                                              size_t size) {
  if (mtasts_env_forked(&store->cache))
    return MTASTS_FORKED;
  if (size > sizeof store->position)
    return MTASTS_TOO_LARGE;
  memcpy(store->position, bytes, size);
  store->position_size = size;
  store->position_pending = true;
  int64_t now = mtasts_store_monotonic_seconds();
  if (store->position_flushed != 0 && now < store->position_flushed + POSITION_INTERVAL)
    return MTASTS_OK;
  store->position_flushed = now;
  return mtasts_store_flush(store);
}

enum mtasts_status mtasts_store_load_position(struct mtasts_store *store, void *bytes, size_t max,
                                              size_t *size) {
  MDB_txn *txn;
  MDB_val key = position_key();
  MDB_val value;
  if (mtasts_env_forked(&store->cache))
    return MTASTS_FORKED;
  int rc = store->cache.env ? mdb_txn_begin(store->cache.env, NULL, MDB_RDONLY, &txn) : EBADF;
  if (rc != 0)
    return mtasts_env_status(rc);
  if ((rc = mdb_get(txn, store->cache.main, &key, &value)) == 0 && value.mv_size > max)
    rc = MDB_NOTFOUND;
  if (rc == 0) {
    memcpy(bytes, value.mv_data, value.mv_size);
    *size = value.mv_size;
  }
  mdb_txn_abort(txn);
  return mtasts_env_status(rc);
}
