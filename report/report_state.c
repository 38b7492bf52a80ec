#include "error_map.h"
#include "outcome_store_private.h"

static struct mtasts_counter_key key_of(uint32_t day, const struct mtasts_domain *domain) {
  struct mtasts_counter_key key;
  mtasts_counter_key_begin(&key, day, (struct mtasts_span){domain->name, domain->len});
  return key;
}

enum mtasts_status mtasts_report_state_get(struct mtasts_outcome_store *store, uint32_t day,
                                           const struct mtasts_domain *domain, char **state,
                                           size_t *size) {
  const struct mtasts_counter_key key = key_of(day, domain);
  MDB_val name = mtasts_counter_val(mtasts_counter_key_span(&key));
  MDB_val value;
  MDB_txn *txn;
  int rc = mtasts_outcome_store_begin(store, MDB_RDONLY, &txn);
  if (rc != 0)
    return mtasts_env_status(rc);
  rc = mdb_get(txn, store->tables.states, &name, &value);
  char *copy = rc == 0 ? malloc(value.mv_size + 1) : NULL;
  if (copy) {
    memcpy(copy, value.mv_data, value.mv_size);
    copy[value.mv_size] = '\0';
    *state = copy;
    *size = value.mv_size;
  }
  mdb_txn_abort(txn);
  return rc == 0 && !copy ? MTASTS_NO_MEMORY : mtasts_env_status(rc);
}

enum mtasts_status mtasts_report_state_put(struct mtasts_outcome_store *store, uint32_t day,
                                           const struct mtasts_domain *domain,
                                           struct mtasts_span state) {
  const struct mtasts_counter_key key = key_of(day, domain);
  MDB_val name = mtasts_counter_val(mtasts_counter_key_span(&key));
  MDB_val value = mtasts_counter_val(state);
  MDB_txn *txn;
  if (state.len > MTASTS_REPORT_STATE_MAX)
    return MTASTS_TOO_LARGE;
  int rc = mtasts_outcome_store_begin(store, 0, &txn);
  if (rc != 0)
    return mtasts_env_status(rc);
  rc = mdb_put(txn, store->tables.states, &name, &value, 0);
  if (rc == 0)
    return mtasts_env_status(mtasts_outcome_store_commit(store, txn));
  return mtasts_env_status(mtasts_outcome_store_abort(store, txn, rc));
}

enum mtasts_status mtasts_report_state_each(struct mtasts_outcome_store *store, uint32_t day,
                                            mtasts_report_state_fn *visit, void *context) {
  struct mtasts_counter_key start = {.len = 0};
  MDB_cursor *cursor;
  MDB_val key = {0};
  MDB_val value;
  MDB_txn *txn;
  int rc = mtasts_outcome_store_begin(store, MDB_RDONLY, &txn);
  if (rc != 0)
    return mtasts_env_status(rc);
  mtasts_counter_key_number(&start, day, MTASTS_DAY_SIZE);
  rc = mdb_cursor_open(txn, store->tables.states, &cursor);
  if (rc == 0) {
    while ((rc = mtasts_counter_next(cursor, mtasts_counter_key_span(&start), &key, &value)) == 0) {
      struct mtasts_domain domain;
      if (!mtasts_counter_key_read(&key, &domain))
        rc = MDB_CORRUPTED;
      if (rc != 0 || !visit(context, &domain, (struct mtasts_span){value.mv_data, value.mv_size}))
        break;
    }
    mdb_cursor_close(cursor);
  }
  mdb_txn_abort(txn);
  return mtasts_env_status(rc == MDB_NOTFOUND ? 0 : rc);
}
