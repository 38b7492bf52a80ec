#include "aggregate_private.h"

#include <errno.h>

#include "ascii.h"
#include "organisation.h"
#include "tally.h"

enum {
  RECORD_OVERHEAD = 64, /* bytes that LMDB needs for a key, about */
};

static int put(const struct mtasts_aggregate *aggregate, MDB_dbi dbi, struct mtasts_span key,
               struct mtasts_bytes *value) {
  MDB_val name = mtasts_counter_val(key);
  MDB_val data = mtasts_counter_val(mtasts_bytes_span(value));
  int rc = value->failed ? ENOMEM : mdb_put(aggregate->txn, dbi, &name, &data, 0);
  mtasts_bytes_free(value);
  return rc;
}

int mtasts_aggregate_put_domain(const struct mtasts_aggregate *aggregate, struct mtasts_span key,
                                const struct mtasts_counted_domain *domain) {
  struct mtasts_bytes value = {0};
  mtasts_bytes_number(&value, domain->kinds, 1);
  mtasts_bytes_number(&value, domain->policies, 4);
  return put(aggregate, aggregate->tables->domains, key, &value);
}

int mtasts_aggregate_put_policy(const struct mtasts_aggregate *aggregate, struct mtasts_span key,
                                const struct mtasts_counted_policy *policy) {
  struct mtasts_bytes value = {0};
  mtasts_bytes_number(&value, policy->successful, 8);
  mtasts_bytes_number(&value, policy->failed, 8);
  mtasts_bytes_number(&value, policy->details, 4);
  mtasts_bytes_add(&value, policy->packed);
  return put(aggregate, aggregate->tables->policies, key, &value);
}

int mtasts_aggregate_put_detail(const struct mtasts_aggregate *aggregate, struct mtasts_span key,
                                const struct mtasts_counted_detail *detail) {
  struct mtasts_bytes value = {0};
  mtasts_bytes_number(&value, detail->count, 8);
  mtasts_bytes_add(&value, detail->packed);
  return put(aggregate, aggregate->tables->details, key, &value);
}

int mtasts_aggregate_get(const struct mtasts_aggregate *aggregate, MDB_dbi dbi,
                         struct mtasts_span key, MDB_val *value) {
  MDB_val name = mtasts_counter_val(key);
  return mdb_get(aggregate->txn, dbi, &name, value);
}

int mtasts_aggregate_get_policy(const struct mtasts_aggregate *aggregate, struct mtasts_span key,
                                struct mtasts_counted_policy *policy) {
  MDB_val value;
  int rc = mtasts_aggregate_get(aggregate, aggregate->tables->policies, key, &value);
  return rc == 0 && !mtasts_counter_read_policy(&value, policy) ? MDB_CORRUPTED : rc;
}

int mtasts_aggregate_get_detail(const struct mtasts_aggregate *aggregate, struct mtasts_span key,
                                struct mtasts_counted_detail *detail) {
  MDB_val value;
  int rc = mtasts_aggregate_get(aggregate, aggregate->tables->details, key, &value);
  return rc == 0 && !mtasts_counter_read_detail(&value, detail) ? MDB_CORRUPTED : rc;
}

int mtasts_aggregate_delete_key(const struct mtasts_aggregate *aggregate, MDB_dbi dbi,
                                struct mtasts_span key) {
  MDB_val name = mtasts_counter_val(key);
  return mdb_del(aggregate->txn, dbi, &name, NULL);
}

/* The first key of the table that is not less than `from` and begins with `start`, copied. */
int mtasts_aggregate_find_from(const struct mtasts_aggregate *aggregate, MDB_dbi dbi,
                               const struct mtasts_counter_key *from, struct mtasts_span start,
                               struct mtasts_counter_key *found) {
  MDB_cursor *cursor;
  MDB_val key = mtasts_counter_val(mtasts_counter_key_span(from));
  MDB_val value;
  int rc = mdb_cursor_open(aggregate->txn, dbi, &cursor);
  if (rc != 0)
    return rc;
  rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
  struct mtasts_span name = {key.mv_data, key.mv_size};
  if (rc == 0 && !mtasts_span_starts(name, start))
    rc = MDB_NOTFOUND;
  if (rc == 0 && name.len > sizeof found->bytes)
    rc = MDB_CORRUPTED;
  if (rc == 0) {
    found->len = 0;
    mtasts_counter_key_add(found, name);
  }
  mdb_cursor_close(cursor);
  return rc;
}

/* shares */

static struct mtasts_counter_key share_key(struct mtasts_span domain_key) {
  struct mtasts_counter_key key = {.len = 0};
  struct mtasts_span name = {domain_key.data + 4, domain_key.len - 4};
  size_t start = mtasts_organisation_start(name.data, name.len);
  mtasts_counter_key_add(&key, (struct mtasts_span){domain_key.data, 4});
  mtasts_counter_key_add(&key, (struct mtasts_span){name.data + start, name.len - start});
  return key;
}

/* Takes the bytes of a new record from the share of its organisation. *granted: there were enough,
 * or the record is `needed` whatever the share. */
int mtasts_aggregate_take_share(const struct mtasts_aggregate *aggregate,
                                struct mtasts_span domain_key, size_t size, bool needed,
                                bool *granted) {
  const struct mtasts_counter_key key = share_key(domain_key);
  struct mtasts_bytes value = {0};
  MDB_val found;
  uint64_t used = 0;
  int rc = mtasts_aggregate_get(aggregate, aggregate->tables->shares, mtasts_counter_key_span(&key),
                                &found);
  if (rc == 0) {
    struct mtasts_bytes_reader reader = {.rest = {found.mv_data, found.mv_size}};
    used = mtasts_bytes_take_number(&reader, 8);
  }
  if (rc != 0 && rc != MDB_NOTFOUND)
    return rc;
  used = mtasts_sum(used, size + RECORD_OVERHEAD);
  *granted = needed || used <= aggregate->share;
  if (!*granted)
    return 0;
  mtasts_bytes_number(&value, used, 8);
  return put(aggregate, aggregate->tables->shares, mtasts_counter_key_span(&key), &value);
}
