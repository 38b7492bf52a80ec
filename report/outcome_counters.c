#include "aggregate.h"
#include "error_map.h"
#include "outcome_store_private.h"

enum {
  SHARES = 16,       /* one organisation has at most so much of what is free */
  DROP_BURST = 2000, /* records dropped in one transaction */
  KEEP_DAYS_MIN = 3, /* whatever outcome.keep_days says */
  RESERVED_DAYS = 2, /* days before today whose reports may still be sent: never dropped for room */
};

static uint32_t day_of_key(const MDB_val *key) {
  struct mtasts_bytes_reader reader = {.rest = {key->mv_data, key->mv_size}};
  return (uint32_t)mtasts_bytes_take_number(&reader, MTASTS_DAY_SIZE);
}

static int add_all(const struct mtasts_aggregate *aggregate,
                   const struct mtasts_outcome_batch *batch,
                   struct mtasts_outcome_written *written) {
  uint32_t day = mtasts_outcome_batch_day(batch);
  const struct mtasts_batched_outcome *item = mtasts_outcome_batch_first(batch);
  int rc = 0;
  *written = (struct mtasts_outcome_written){0};
  for (; item && rc == 0; item = item->after) {
    struct mtasts_aggregate_refused refused;
    rc = mtasts_aggregate_add(aggregate, day, item->keyed.key, item->count, &refused);
    if (rc != 0)
      break;
    *(refused.domain ? &written->refused : &written->recorded) += item->count;
    written->base_refused += refused.base ? item->count : 0;
  }
  return rc;
}

static int add(struct mtasts_outcome_store *store, const struct mtasts_outcome_batch *batch,
               struct mtasts_outcome_written *written) {
  struct mtasts_aggregate aggregate = {.tables = &store->tables};
  uint64_t used;
  int rc = mtasts_outcome_store_begin(store, 0, &aggregate.txn);
  if (rc != 0)
    return rc;
  if ((rc = mtasts_outcome_store_used(store, aggregate.txn, &used)) == 0) {
    aggregate.share = used < store->bytes_max ? (store->bytes_max - used) / SHARES : 0;
    rc = add_all(&aggregate, batch, written);
  }
  if (rc == 0)
    return mtasts_outcome_store_commit(store, aggregate.txn);
  return mtasts_outcome_store_abort(store, aggregate.txn, rc);
}

/* Deletes records of days before `day` from one table, until `budget` is used up. */
static int drop_from(MDB_txn *txn, MDB_dbi dbi, uint32_t day, int *budget) {
  MDB_cursor *cursor;
  MDB_val key;
  MDB_val value;
  int rc = mdb_cursor_open(txn, dbi, &cursor);
  if (rc != 0)
    return rc;
  while (*budget > 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) == 0 &&
         day_of_key(&key) < day && (rc = mdb_cursor_del(cursor, 0)) == 0)
    (*budget)--;
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* The oldest day; MDB_NOTFOUND: there is none. */
static int oldest_day(MDB_txn *txn, const struct mtasts_counter_tables *tables, uint32_t *day) {
  const MDB_dbi dbis[] = {tables->domains, tables->policies, tables->details, tables->shares,
                          tables->states};
  bool found = false;
  for (size_t i = 0; i < sizeof dbis / sizeof *dbis; i++) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int rc = mdb_cursor_open(txn, dbis[i], &cursor);
    if (rc != 0)
      return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    if (rc == 0 && (!found || day_of_key(&key) < *day)) {
      *day = day_of_key(&key);
      found = true;
    }
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND)
      return rc;
  }
  return found ? 0 : MDB_NOTFOUND;
}

static int drop_oldest(struct mtasts_outcome_store *store, MDB_txn *txn, uint32_t day, bool *more) {
  const struct mtasts_counter_tables *tables = &store->tables;
  const MDB_dbi dbis[] = {tables->domains, tables->policies, tables->details, tables->shares,
                          tables->states};
  int budget = DROP_BURST;
  uint32_t oldest = 0;
  int rc = oldest_day(txn, tables, &oldest);
  *more = rc == 0 && oldest < day;
  if (!*more)
    return rc == MDB_NOTFOUND ? 0 : rc;
  for (size_t i = 0; i < sizeof dbis / sizeof *dbis && rc == 0; i++)
    rc = drop_from(txn, dbis[i], oldest + 1, &budget);
  return rc;
}

uint32_t mtasts_outcome_first_kept(uint32_t today, uint32_t keep_days) {
  uint32_t keep = keep_days > KEEP_DAYS_MIN ? keep_days : KEEP_DAYS_MIN;
  return today > keep ? today - keep : 0;
}

enum mtasts_status mtasts_outcome_store_drop(struct mtasts_outcome_store *store, uint32_t day,
                                             bool *more) {
  MDB_txn *txn;
  int rc = mtasts_outcome_store_begin(store, 0, &txn);
  *more = false;
  if (rc != 0)
    return mtasts_env_status(rc);
  rc = drop_oldest(store, txn, day, more);
  if (rc == 0 && *more)
    return mtasts_env_status(mtasts_outcome_store_commit(store, txn));
  return mtasts_env_status(mtasts_outcome_store_abort(store, txn, rc));
}

static int used_now(struct mtasts_outcome_store *store, uint64_t *used) {
  MDB_txn *txn;
  int rc = mtasts_outcome_store_begin(store, MDB_RDONLY, &txn);
  if (rc != 0)
    return rc;
  rc = mtasts_outcome_store_used(store, txn, used);
  mdb_txn_abort(txn);
  return rc;
}

/* New outcomes are worth more than old ones: for lack of room the oldest days go before their time.
 */
static enum mtasts_status make_room(struct mtasts_outcome_store *store, uint32_t today) {
  uint64_t used = 0;
  bool more = false;
  enum mtasts_status status = mtasts_env_status(used_now(store, &used));
  if (status != MTASTS_OK || today <= RESERVED_DAYS ||
      used < store->bytes_max - store->bytes_max / SHARES)
    return status;
  status = mtasts_outcome_store_drop(store, today - RESERVED_DAYS, &more);
  return status == MTASTS_OK && more ? MTASTS_TIMEOUT : status;
}

enum mtasts_status mtasts_outcome_store_add(struct mtasts_outcome_store *store,
                                            const struct mtasts_outcome_batch *batch,
                                            struct mtasts_outcome_written *written) {
  enum mtasts_status status = make_room(store, mtasts_outcome_batch_day(batch));
  return status == MTASTS_OK ? mtasts_env_status(add(store, batch, written)) : status;
}

enum mtasts_status mtasts_outcome_store_domains(struct mtasts_outcome_store *store, uint32_t day,
                                                mtasts_outcome_domain_fn *visit, void *context) {
  struct mtasts_counter_key start = {.len = 0};
  MDB_txn *txn;
  MDB_cursor *cursor;
  MDB_val key = {0};
  MDB_val value;
  int rc = mtasts_outcome_store_begin(store, MDB_RDONLY, &txn);
  if (rc != 0)
    return mtasts_env_status(rc);
  mtasts_counter_key_number(&start, day, MTASTS_DAY_SIZE);
  rc = mdb_cursor_open(txn, store->tables.domains, &cursor);
  if (rc == 0) {
    while ((rc = mtasts_counter_next(cursor, mtasts_counter_key_span(&start), &key, &value)) == 0) {
      struct mtasts_counted_domain counted;
      struct mtasts_domain domain;
      if (!mtasts_counter_key_read(&key, &domain) || !mtasts_counter_read_domain(&value, &counted))
        rc = MDB_CORRUPTED;
      if (rc != 0 || !visit(context, &domain, counted.kinds))
        break;
    }
    mdb_cursor_close(cursor);
  }
  mdb_txn_abort(txn);
  return mtasts_env_status(rc == MDB_NOTFOUND ? 0 : rc);
}

enum mtasts_status mtasts_outcome_store_read(struct mtasts_outcome_store *store, uint32_t day,
                                             const struct mtasts_domain *domain,
                                             struct mtasts_day_report **report) {
  MDB_txn *txn;
  int rc = mtasts_outcome_store_begin(store, MDB_RDONLY, &txn);
  if (rc != 0)
    return mtasts_env_status(rc);
  rc = mtasts_day_report_read(txn, &store->tables, day, domain, report);
  mdb_txn_abort(txn);
  return mtasts_env_status(rc);
}

/* Steps from day to day. */
static int count_days(MDB_txn *txn, MDB_dbi dbi, struct mtasts_outcome_stats *stats) {
  MDB_cursor *cursor;
  MDB_val key;
  MDB_val value;
  int rc = mdb_cursor_open(txn, dbi, &cursor);
  if (rc != 0)
    return rc;
  rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
  while (rc == 0) {
    struct mtasts_counter_key next = {.len = 0};
    stats->last = day_of_key(&key);
    if (stats->days == 0)
      stats->first = stats->last;
    stats->days++;
    if (stats->last == UINT32_MAX)
      break;
    mtasts_counter_key_number(&next, stats->last + 1, MTASTS_DAY_SIZE);
    key = mtasts_counter_val(mtasts_counter_key_span(&next));
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
  }
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

enum mtasts_status mtasts_outcome_store_stats(struct mtasts_outcome_store *store,
                                              struct mtasts_outcome_stats *stats) {
  struct mtasts_outcome_stats found = {0};
  MDB_envinfo info;
  MDB_stat stat;
  MDB_txn *txn;
  int rc = mtasts_outcome_store_begin(store, MDB_RDONLY, &txn);
  if (rc != 0)
    return mtasts_env_status(rc);
  if ((rc = mtasts_outcome_store_used(store, txn, &found.bytes)) == 0 &&
      (rc = mdb_env_info(store->env, &info)) == 0 &&
      (rc = mdb_stat(txn, store->tables.domains, &stat)) == 0 &&
      (rc = count_days(txn, store->tables.domains, &found)) == 0) {
    found.file_bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
    found.domains = stat.ms_entries;
    *stats = found;
  }
  mdb_txn_abort(txn);
  return mtasts_env_status(rc);
}
