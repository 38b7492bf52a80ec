#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "error_map.h"
#include "outcome_store_private.h"

enum {
  SPARE_PART = 32 << 10, /* bytes; free pages may be scattered */
};

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

static int put_blank(struct mtasts_outcome_store *store, MDB_txn *txn, MDB_val name, size_t size) {
  MDB_val blank = {size, NULL};
  return mdb_put(txn, store->tables.states, &name, &blank, MDB_RESERVE);
}

/* Puts a state of that size, and parts of the spare under keys that no state has. */
static int put_blanks(struct mtasts_outcome_store *store, MDB_txn *txn, struct mtasts_span key,
                      size_t size, size_t spare) {
  char bytes[sizeof(struct mtasts_counter_key) + 4];
  size_t parts = (spare + SPARE_PART - 1) / SPARE_PART;
  MDB_val name = {key.len, bytes};
  memcpy(bytes, key.data, key.len);
  int rc = put_blank(store, txn, name, size);
  for (size_t i = 0; i < parts && rc == 0; i++) {
    bytes[key.len] = '\xff';
    bytes[key.len + 1] = (char)(i >> 8);
    bytes[key.len + 2] = (char)i;
    name.mv_size = key.len + 3;
    rc = put_blank(store, txn, name, SPARE_PART);
  }
  return rc;
}

/* A file system that cannot reserve space is trusted. */
static int reserve(struct mtasts_outcome_store *store, size_t bytes) {
  MDB_envinfo info;
  MDB_stat stat;
  struct stat file;
  int fd;
  int rc = mdb_env_info(store->env, &info);
  if (rc != 0 || (rc = mdb_env_stat(store->env, &stat)) != 0 ||
      (rc = mdb_env_get_fd(store->env, &fd)) != 0)
    return rc;
  uint64_t end = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize + bytes;
  if (end > info.me_mapsize)
    end = info.me_mapsize;
  if (fstat(fd, &file) != 0)
    return errno;
  if ((uint64_t)file.st_size < end && fallocate(fd, 0, 0, (off_t)end) != 0 &&
      (errno == ENOSPC || errno == EDQUOT))
    return MDB_MAP_FULL;
  return 0;
}

enum mtasts_status mtasts_report_state_fits(struct mtasts_outcome_store *store, uint32_t day,
                                            const struct mtasts_domain *domain, size_t size,
                                            size_t spare) {
  const struct mtasts_counter_key key = key_of(day, domain);
  MDB_txn *txn;
  int rc = mtasts_outcome_store_begin(store, 0, &txn);
  if (rc != 0)
    return mtasts_env_status(rc);
  rc = put_blanks(store, txn, mtasts_counter_key_span(&key), size, spare);
  mdb_txn_abort(txn);
  return mtasts_env_status(rc == 0 ? reserve(store, size + spare) : rc);
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
