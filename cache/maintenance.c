/* Maintenance of the store: removes obsolete and damaged entries, or all of them. */
#include "bounds.h"
#include "data_file.h"
#include "salvage_mark.h"
#include "store_private.h"

enum {
  ABSENT_KEEP = 86400 /* seconds past next_check that an absent entry is kept */
};

bool mtasts_store_is_obsolete(const struct mtasts_entry *entry, int64_t now) {
  return now >= (entry->has_policy ? entry->expires + MTASTS_EXPIRED_KEEP
                                   : entry->next_check + ABSENT_KEEP);
}

struct upkeep {
  struct mtasts_store *store;
  int64_t now;
};

static bool is_obsolete(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value) {
  const struct upkeep *upkeep = context;
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  if (mtasts_env_verify(&upkeep->store->cache, dbi, key, value, &domain, &entry) != MTASTS_OK) {
    mtasts_store_warn(upkeep->store, MTASTS_STORE_WARNING_DAMAGE,
                      "the cached entry of %s is damaged and counts as absent", domain.name);
    return false;
  }
  return mtasts_store_is_obsolete(&entry, upkeep->now);
}

static bool is_corrupt(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value) {
  const struct upkeep *upkeep = context;
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  return mtasts_env_verify(&upkeep->store->cache, dbi, key, value, &domain, &entry) != MTASTS_OK;
}

/* Deletes in both databases; without `selects`, everything. */
static int delete_in_both(struct mtasts_store *store, mtasts_bulk_delete_fn *selects, int64_t now,
                          uint64_t *removed) {
  const MDB_dbi databases[] = {store->cache.policies, store->cache.absent};
  struct upkeep upkeep = {store, now};
  struct mtasts_bulk_delete deletion = {
      .selects = selects, .context = &upkeep, .limit = UINT64_MAX};
  int rc = 0;
  for (int i = 0; i < 2 && rc == 0; i++) {
    deletion.dbi = databases[i];
    rc = mtasts_bulk_delete(store, &deletion);
  }
  *removed = deletion.removed;
  if (rc != 0 && rc != MDB_MAP_FULL)
    mtasts_store_reopen_env(store);
  return rc;
}

enum mtasts_status mtasts_store_expire(struct mtasts_store *store, int64_t now, uint64_t *removed) {
  enum mtasts_status status = mtasts_store_flush(store);
  return status == MTASTS_OK ? mtasts_env_status(delete_in_both(store, is_obsolete, now, removed))
                             : status;
}

enum mtasts_status mtasts_store_repair(struct mtasts_store *store, uint64_t *removed) {
  enum mtasts_status status = mtasts_store_flush(store);
  return status == MTASTS_OK ? mtasts_env_status(delete_in_both(store, is_corrupt, 0, removed))
                             : status;
}

/* Both databases in one transaction. */
static int empty(struct mtasts_store *store, uint64_t *removed) {
  struct mtasts_env_stats usage;
  MDB_txn *txn;
  int rc = mtasts_store_begin(store, &txn);
  if (rc != 0)
    return rc;
  if ((rc = mtasts_env_read_stats(&store->cache, txn, &usage)) != 0 ||
      (rc = mdb_drop(txn, store->cache.policies, 0)) != 0 ||
      (rc = mdb_drop(txn, store->cache.absent, 0)) != 0) {
    mdb_txn_abort(txn);
    return rc;
  }
  if ((rc = mtasts_store_commit(store, txn)) == 0)
    *removed = usage.policies + usage.absent;
  return rc;
}

enum mtasts_status mtasts_store_clear(struct mtasts_store *store, uint64_t *removed) {
  enum mtasts_status status = mtasts_store_flush(store);
  if (status != MTASTS_OK && status != MTASTS_FULL)
    return status;
  int rc = empty(store, removed);
  if (rc != 0 && rc != MDB_MAP_FULL)
    mtasts_store_reopen_env(store);
  /* If the list of freed pages finds no room, deletes entry by entry. */
  if (rc == MDB_MAP_FULL)
    rc = delete_in_both(store, NULL, 0, removed);
  /* A salvage that is not complete would bring domains back. */
  if (rc == 0 && (rc = mtasts_salvage_mark_clear(store->directory_fd)) == 0)
    mtasts_store_set_salvaging(store, false);
  return mtasts_env_status(rc);
}
