#include "walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "discover.h"
#include "environment.h"

enum {
  WALK_ENTRIES = 64,      /* entries copied in one read transaction */
  WALK_BYTES = 256 << 10, /* likewise */
  COUNT_ENTRIES = 1024,   /* decoded in one read transaction, without copying */
};

/* A walk through one database. */
struct range {
  MDB_dbi dbi;
  bool end;
  struct mtasts_walk_position position;
};

_Static_assert(sizeof(struct mtasts_walk_position){0}.key == MTASTS_LMDB_KEY_MAX + 1,
               "holds any key");

static struct range range_of(const struct mtasts_cache *cache, enum mtasts_walk_part part) {
  return (struct range){.dbi = part == MTASTS_WALK_POLICIES ? cache->policies : cache->absent};
}

static void move_past(struct mtasts_walk_position *position, const MDB_val *key) {
  MDB_val after;
  mtasts_key_after(key, position->key, &after);
  position->size = (uint16_t)after.mv_size;
}

/* Takes one value inside the transaction. False: the batch is full, without this value. */
typedef bool take_fn(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value);

static int read_on(struct mtasts_reader *reader, struct range *range, take_fn *take,
                   void *context) {
  struct mtasts_walk_position *position = &range->position;
  MDB_cursor *cursor;
  MDB_val from = {position->size <= sizeof position->key ? position->size : 0, position->key};
  MDB_val key = from;
  MDB_val value;
  int rc = mtasts_reader_begin(reader);
  if (rc != 0)
    return rc;
  if ((rc = mdb_cursor_open(reader->txn, range->dbi, &cursor)) == 0) {
    rc = mdb_cursor_get(cursor, &key, &value, key.mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0 && (rc = mtasts_key_check(&key, &from)) == 0 &&
           take(context, range->dbi, &key, &value)) {
      move_past(position, &key);
      from.mv_size = position->size;
      rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
  }
  mtasts_reader_end(reader);
  range->end = rc == MDB_NOTFOUND;
  return range->end ? 0 : rc;
}

struct batch {
  size_t max;
  size_t count;
  size_t used;
  MDB_val key[WALK_ENTRIES];
  MDB_val value[WALK_ENTRIES];
  unsigned char bytes[WALK_BYTES + MTASTS_LMDB_KEY_MAX + MTASTS_ENTRY_SIZE_MAX];
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
  if (batch->count == batch->max || batch->used >= WALK_BYTES)
    return false;
  batch->key[batch->count] = copy(batch, key);
  /* A value too large to be ours is stored as an empty one: both are corrupt. */
  batch->value[batch->count] =
      copy(batch, value->mv_size <= MTASTS_ENTRY_SIZE_MAX ? value : &nothing);
  batch->count++;
  return true;
}

/* Calls the visitor for each, and moves the position on. */
static bool visit_all(const struct mtasts_cache *cache, const struct batch *batch, MDB_dbi dbi,
                      struct mtasts_walk_position *position, const struct mtasts_walk_step *step) {
  for (size_t i = 0; i < batch->count; i++) {
    struct mtasts_domain domain;
    struct mtasts_entry entry;
    enum mtasts_status status =
        mtasts_env_verify(cache, dbi, &batch->key[i], &batch->value[i], &domain, &entry);
    if (!step->visit(step->context, &domain, status, status == MTASTS_OK ? &entry : NULL))
      return false;
    move_past(position, &batch->key[i]);
  }
  return true;
}

enum mtasts_status mtasts_cache_walk_from(struct mtasts_cache *cache,
                                          const struct mtasts_walk_step *step,
                                          struct mtasts_walk_position *position, bool *end) {
  struct mtasts_reader *reader;
  enum mtasts_status status = mtasts_reader_new(cache, &reader);
  if (status != MTASTS_OK)
    return status;
  struct range range = range_of(cache, step->part);
  struct batch *batch = malloc(sizeof *batch);
  uint64_t max = step->max;
  bool more = true;
  int rc = batch ? 0 : ENOMEM;
  while (rc == 0 && more && max > 0 && !range.end) {
    batch->count = batch->used = 0;
    batch->max = max < WALK_ENTRIES ? (size_t)max : WALK_ENTRIES;
    range.position = *position;
    if ((rc = read_on(reader, &range, take_copy, batch)) == 0)
      more = visit_all(cache, batch, range.dbi, position, step);
    max -= batch->count;
  }
  *end = rc == 0 && more && range.end;
  if (*end)
    position->size = 0;
  free(batch);
  mtasts_reader_free(reader);
  return mtasts_env_status(rc);
}

enum mtasts_status mtasts_cache_walk(struct mtasts_cache *cache, mtasts_walk_fn *visit,
                                     void *context) {
  enum mtasts_status status = MTASTS_OK;
  bool end = true;
  for (enum mtasts_walk_part part = 0; part < MTASTS_WALK_PARTS && status == MTASTS_OK && end;
       part++) {
    struct mtasts_walk_position position = {0};
    status = mtasts_cache_walk_from(
        cache,
        &(struct mtasts_walk_step){
            .part = part, .max = UINT64_MAX, .visit = visit, .context = context},
        &position, &end);
  }
  return status;
}

static int read_usage(struct mtasts_reader *reader, struct mtasts_env_stats *usage) {
  int rc = mtasts_reader_begin(reader);
  if (rc != 0)
    return rc;
  rc = mtasts_env_read_stats(reader->cache, reader->txn, usage);
  mtasts_reader_end(reader);
  return rc;
}

static struct mtasts_cache_space space_of(const struct mtasts_env_stats *usage) {
  return (struct mtasts_cache_space){
      .domains = {[MTASTS_WALK_POLICIES] = usage->policies, [MTASTS_WALK_ABSENT] = usage->absent},
      .bytes_used = usage->bytes,
      .bytes_free = usage->file_bytes > usage->bytes ? usage->file_bytes - usage->bytes : 0,
      .map_size = usage->map_size,
  };
}

enum mtasts_status mtasts_cache_space(struct mtasts_cache *cache,
                                      struct mtasts_cache_space *space) {
  struct mtasts_env_stats usage;
  struct mtasts_reader *reader;
  enum mtasts_status status = mtasts_reader_new(cache, &reader);
  if (status != MTASTS_OK)
    return status;
  int rc = read_usage(reader, &usage);
  mtasts_reader_free(reader);
  if (rc == 0)
    *space = space_of(&usage);
  return mtasts_env_status(rc);
}

struct count {
  struct mtasts_cache_stats *stats;
  int64_t now;
  unsigned left; /* of this batch */
};

static void add_live(struct mtasts_cache_stats *stats, const struct mtasts_entry *entry,
                     int64_t now) {
  enum mtasts_mode mode = entry->policy.mode;
  if (mode != MTASTS_MODE_NONE &&
      (stats->oldest_fetched == 0 || entry->fetched < stats->oldest_fetched))
    stats->oldest_fetched = entry->fetched;
  stats->failing_enforce += mode == MTASTS_MODE_ENFORCE && mtasts_discover_failing(entry, now);
  stats->expiring += mtasts_discover_near_end(entry, now);
}

void mtasts_cache_stats_add(struct mtasts_cache_stats *stats, const struct mtasts_entry *entry,
                            int64_t now) {
  stats->entries++;
  stats->failing += mtasts_discover_failing(entry, now);
  if (!entry->has_policy) {
    stats->absent++;
    return;
  }
  stats->policies++;
  stats->enforce += entry->policy.mode == MTASTS_MODE_ENFORCE;
  stats->testing += entry->policy.mode == MTASTS_MODE_TESTING;
  stats->none += entry->policy.mode == MTASTS_MODE_NONE;
  if (mtasts_entry_live(entry, now))
    add_live(stats, entry, now);
  else
    stats->expired++;
}

static bool take_count(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value) {
  struct count *count = context;
  struct mtasts_cache_stats *stats = count->stats;
  struct mtasts_entry entry;
  (void)dbi;
  if (count->left == 0)
    return false;
  count->left--;
  stats->bytes_data += key->mv_size + value->mv_size;
  if (mtasts_entry_decode(value->mv_data, value->mv_size, &entry) == MTASTS_OK) {
    mtasts_cache_stats_add(stats, &entry, count->now);
  } else {
    stats->entries++;
    stats->corrupt++;
  }
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
  struct mtasts_env_stats usage;
  struct mtasts_reader *reader;
  if (!mtasts_env_forked(cache) && cache->env)
    mdb_reader_list(cache->env, count_reader, &seen.readers);
  enum mtasts_status status = mtasts_reader_new(cache, &reader);
  if (status != MTASTS_OK)
    return status;
  int rc = read_usage(reader, &usage);
  for (enum mtasts_walk_part part = 0; part < MTASTS_WALK_PARTS && rc == 0; part++)
    for (struct range range = range_of(cache, part); rc == 0 && !range.end;) {
      count.left = COUNT_ENTRIES;
      rc = read_on(reader, &range, take_count, &count);
    }
  mtasts_reader_free(reader);
  if (rc == 0) {
    seen.space = space_of(&usage);
    *stats = seen;
  }
  return mtasts_env_status(rc);
}
