#include "walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "environment.h"

enum {
  WALK_ENTRIES = 64,      /* copied in one read transaction */
  WALK_BYTES = 256 << 10, /* likewise */
  COUNT_ENTRIES = 1024,   /* decoded in one read transaction, without copying */
};

/* A walk through one database: it goes on at the first key that is not less than `from`. */
struct place {
  MDB_dbi dbi;
  bool end;
  MDB_val from;
  unsigned char key[MTASTS_KEY_MAX + 1];
};

/* Takes one value inside the transaction. False: the batch is full, without this value. */
typedef bool take_fn(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value);

static int read_on(struct mtasts_reader *reader, struct place *place, take_fn *take,
                   void *context) {
  MDB_cursor *cursor;
  MDB_val key = place->from;
  MDB_val value;
  int rc = mtasts_reader_begin(reader);
  if (rc != 0)
    return rc;
  if ((rc = mdb_cursor_open(reader->txn, place->dbi, &cursor)) == 0) {
    rc = mdb_cursor_get(cursor, &key, &value, key.mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0 && take(context, place->dbi, &key, &value)) {
      mtasts_key_after(&key, place->key, &place->from);
      rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
  }
  mtasts_reader_end(reader);
  place->end = rc == MDB_NOTFOUND;
  return place->end ? 0 : rc;
}

struct batch {
  size_t count;
  size_t used;
  MDB_val key[WALK_ENTRIES];
  MDB_val value[WALK_ENTRIES];
  unsigned char bytes[WALK_BYTES + MTASTS_KEY_MAX + MTASTS_ENTRY_SIZE_MAX];
};

static MDB_val copy(struct batch *batch, const MDB_val *bytes) {
  MDB_val copied = {bytes->mv_size, batch->bytes + batch->used};
  memcpy(copied.mv_data, bytes->mv_data, bytes->mv_size);
  batch->used += bytes->mv_size;
  return copied;
}

static bool take_copy(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value) {
  struct batch *batch = context;
  const MDB_val nothing = {0, batch->bytes};
  (void)dbi;
  if (batch->count == WALK_ENTRIES || batch->used >= WALK_BYTES)
    return false;
  batch->key[batch->count] = copy(batch, key);
  /* One that is too large to be ours is as corrupt as an empty one. */
  batch->value[batch->count] =
      copy(batch, value->mv_size <= MTASTS_ENTRY_SIZE_MAX ? value : &nothing);
  batch->count++;
  return true;
}

static bool visit_all(const struct mtasts_cache *cache, const struct batch *batch, MDB_dbi dbi,
                      mtasts_walk_fn *visit, void *context) {
  for (size_t i = 0; i < batch->count; i++) {
    struct mtasts_domain domain;
    struct mtasts_entry entry;
    enum mtasts_status status =
        mtasts_env_verify(cache, dbi, &batch->key[i], &batch->value[i], &domain, &entry);
    if (!visit(context, &domain, status, status == MTASTS_OK ? &entry : NULL))
      return false;
  }
  return true;
}

enum mtasts_status mtasts_cache_walk(struct mtasts_cache *cache, mtasts_walk_fn *visit,
                                     void *context) {
  struct mtasts_reader *reader;
  enum mtasts_status status = mtasts_reader_new(cache, &reader);
  if (status != MTASTS_OK)
    return status;
  const MDB_dbi databases[] = {cache->policies, cache->absent};
  struct batch *batch = malloc(sizeof *batch);
  bool more = true;
  int rc = batch ? 0 : ENOMEM;
  for (int i = 0; i < 2 && rc == 0 && more; i++)
    for (struct place place = {.dbi = databases[i]}; rc == 0 && more && !place.end;) {
      batch->count = batch->used = 0;
      if ((rc = read_on(reader, &place, take_copy, batch)) == 0)
        more = visit_all(cache, batch, place.dbi, visit, context);
    }
  free(batch);
  mtasts_reader_free(reader);
  return mtasts_env_status(rc);
}

struct count {
  struct mtasts_cache_stats *stats;
  int64_t now;
  unsigned left; /* of this batch */
};

static bool take_count(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value) {
  struct count *count = context;
  struct mtasts_cache_stats *stats = count->stats;
  struct mtasts_entry entry;
  (void)dbi;
  (void)key;
  if (count->left == 0)
    return false;
  count->left--;
  stats->entries++;
  if (mtasts_entry_decode(value->mv_data, value->mv_size, &entry) != MTASTS_OK) {
    stats->corrupt++;
    return true;
  }
  if (!entry.has_policy) {
    stats->absent++;
    return true;
  }
  stats->policies++;
  stats->enforce += entry.policy.mode == MTASTS_MODE_ENFORCE;
  stats->testing += entry.policy.mode == MTASTS_MODE_TESTING;
  stats->none += entry.policy.mode == MTASTS_MODE_NONE;
  stats->expired += !mtasts_entry_live(&entry, count->now);
  return true;
}

/* A line of mdb_reader_list is a heading, or a reader slot: pid, thread, transaction. */
static int count_reader(const char *line, void *context) {
  uint64_t *readers = context;
  size_t at = 0;
  while (line[at] == ' ')
    at++;
  *readers += mtasts_is_digit(line[at]);
  return 0;
}

enum mtasts_status mtasts_cache_count(struct mtasts_cache *cache, int64_t now,
                                      struct mtasts_cache_stats *stats) {
  struct mtasts_cache_stats seen = {0};
  struct count count = {.stats = &seen, .now = now};
  struct mtasts_usage usage;
  struct mtasts_reader *reader;
  if (!mtasts_env_forked(cache) && cache->env)
    mdb_reader_list(cache->env, count_reader, &seen.readers);
  enum mtasts_status status = mtasts_reader_new(cache, &reader);
  if (status != MTASTS_OK)
    return status;
  const MDB_dbi databases[] = {cache->policies, cache->absent};
  int rc = mtasts_reader_begin(reader);
  if (rc == 0) {
    rc = mtasts_env_usage(cache, reader->txn, &usage);
    mtasts_reader_end(reader);
  }
  for (int i = 0; i < 2; i++)
    for (struct place place = {.dbi = databases[i]}; rc == 0 && !place.end;) {
      count.left = COUNT_ENTRIES;
      rc = read_on(reader, &place, take_count, &count);
    }
  mtasts_reader_free(reader);
  if (rc == 0) {
    seen.bytes_used = usage.bytes;
    seen.map_size = usage.map_size;
    *stats = seen;
  }
  return mtasts_env_status(rc);
}
