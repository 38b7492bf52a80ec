#include <errno.h>

#include "data_file.h"
#include "store_private.h"

enum {
  NOTE_INTERVAL = 60 /* seconds between commits for a note alone */
};

static MDB_val note_key(void) {
  return (MDB_val){sizeof MTASTS_DB_NOTE_KEY - 1, (void *)(uintptr_t)MTASTS_DB_NOTE_KEY};
}

int mtasts_note_write(struct mtasts_store *store, MDB_txn *txn) {
  MDB_val key = note_key();
  MDB_val value = {store->note_size, store->note};
  return store->note_pending ? mdb_put(txn, store->cache.main, &key, &value, 0) : 0;
}

enum mtasts_status mtasts_store_note_set(struct mtasts_store *store, const void *bytes,
                                         size_t size) {
  if (mtasts_env_forked(&store->cache))
    return MTASTS_FORKED;
  if (size > sizeof store->note)
    return MTASTS_TOO_LARGE;
  memcpy(store->note, bytes, size);
  store->note_size = size;
  store->note_pending = true;
  int64_t now = mtasts_store_uptime();
  if (store->note_flushed != 0 && now < store->note_flushed + NOTE_INTERVAL)
    return MTASTS_OK;
  store->note_flushed = now;
  return mtasts_store_flush(store);
}

enum mtasts_status mtasts_store_note_get(struct mtasts_store *store, void *bytes, size_t most,
                                         size_t *size) {
  MDB_txn *txn;
  MDB_val key = note_key();
  MDB_val value;
  if (mtasts_env_forked(&store->cache))
    return MTASTS_FORKED;
  int rc = store->cache.env ? mdb_txn_begin(store->cache.env, NULL, MDB_RDONLY, &txn) : EBADF;
  if (rc != 0)
    return mtasts_env_status(rc);
  if ((rc = mdb_get(txn, store->cache.main, &key, &value)) == 0 && value.mv_size > most)
    rc = MDB_NOTFOUND;
  if (rc == 0) {
    memcpy(bytes, value.mv_data, value.mv_size);
    *size = value.mv_size;
  }
  mdb_txn_abort(txn);
  return mtasts_env_status(rc);
}
