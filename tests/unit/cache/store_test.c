#include "store.h"

#include <errno.h>

#include "bounds.h"
#include "fixture.h"

const char *const unit_name = "cache/store";

static void test_pending(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  struct mtasts_cache *cache = mtasts_store_cache(store);
  store_put(store, "a.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_pending(store), 1);
  CU_ASSERT_EQUAL(look_up(cache, "a.example", &entry), MTASTS_ABSENT);
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_pending(store), 0);
  CU_ASSERT_EQUAL_FATAL(look_up(cache, "a.example", &entry), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(entry.policy_id, "1");
  CU_ASSERT_EQUAL(entry.expires, NOW + WEEK);

  for (int i = 1; i < MTASTS_STORE_GROUP; i++)
    store_put(store, domain("d%d.example", i).name, absent(&sample));
  CU_ASSERT_EQUAL(look_up(cache, "d1.example", &entry), MTASTS_ABSENT);
  store_put(store, "d0.example", absent(&sample));
  CU_ASSERT_EQUAL(mtasts_store_pending(store), 0);
  CU_ASSERT_EQUAL(look_up(cache, "d1.example", &entry), MTASTS_OK);

  store_put(store, "last.example", policy(&sample, "1"));
  mtasts_store_close(store);
  store = store_open(path);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "last.example", &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).entries, 2 + MTASTS_STORE_GROUP);
  mtasts_store_close(store);
  directory_free(path);
}

static void test_one_place(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  struct mtasts_cache *cache = mtasts_store_cache(store);
  store_put(store, "a.example", absent(&sample));
  mtasts_store_flush(store);
  CU_ASSERT_EQUAL(count(cache).absent, 1);
  store_put(store, "a.example", policy(&sample, "1"));
  mtasts_store_flush(store);
  CU_ASSERT_EQUAL(count(cache).absent, 0);
  CU_ASSERT_EQUAL(count(cache).policies, 1);
  /* Three changes in one group: the last counts. */
  store_put(store, "a.example", policy(&sample, "2"));
  store_put(store, "a.example", policy(&sample, "3"));
  store_put(store, "a.example", absent(&sample));
  CU_ASSERT_EQUAL(mtasts_store_pending(store), 1);
  mtasts_store_flush(store);
  CU_ASSERT_EQUAL(count(cache).entries, 1);
  CU_ASSERT_EQUAL(look_up(cache, "a.example", &entry), MTASTS_OK);
  CU_ASSERT_FALSE(entry.has_policy);
  mtasts_store_close(store);
  directory_free(path);
}

static void test_remove(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_domain a = domain("a.example");
  struct mtasts_domain b = domain("b.example");
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  store_put(store, "a.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_remove(store, &b), MTASTS_ABSENT);
  CU_ASSERT_EQUAL(mtasts_store_pending(store), 0);
  CU_ASSERT_EQUAL(mtasts_store_remove(store, &a), MTASTS_OK);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "a.example", &entry), MTASTS_ABSENT);
  store_put(store, "b.example", absent(&sample));
  CU_ASSERT_EQUAL(mtasts_store_remove(store, &b), MTASTS_OK); /* was pending only */
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).entries, 0);
  mtasts_store_close(store);
  directory_free(path);
}

static void test_invalid(void) {
  char path[32];
  struct sample sample;
  struct mtasts_domain a = domain("a.example");
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  policy(&sample, "1");
  sample.patterns[2] = ' ';
  CU_ASSERT_EQUAL(mtasts_store_put(store, &a, &sample.entry, NOW), MTASTS_INVALID);
  policy(&sample, "1");
  sample.entry.policy.mx.count = 3;
  CU_ASSERT_EQUAL(mtasts_store_put(store, &a, &sample.entry, NOW), MTASTS_INVALID);
  policy(&sample, "1");
  sample.entry.policy.mx.size = SIZE_MAX / 2;
  CU_ASSERT_EQUAL(mtasts_store_put(store, &a, &sample.entry, NOW), MTASTS_INVALID);
  absent(&sample);
  sample.entry.next_check = INT64_MAX;
  CU_ASSERT_EQUAL(mtasts_store_put(store, &a, &sample.entry, NOW), MTASTS_INVALID);
  a.len = 0;
  CU_ASSERT_EQUAL(mtasts_store_put(store, &a, absent(&sample), NOW), MTASTS_INVALID);
  CU_ASSERT_EQUAL(mtasts_store_pending(store), 0);
  mtasts_store_close(store);
  directory_free(path);
}

static void test_expire(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  uint64_t removed = 0;
  const int64_t end = NOW + WEEK + MTASTS_EXPIRED_KEEP;
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  struct mtasts_cache *cache = mtasts_store_cache(store);
  store_put(store, "policy.example", policy(&sample, "1"));
  policy(&sample, "1");
  sample.entry.fetched++;
  sample.entry.expires++;
  store_put(store, "later.example", &sample.entry);
  store_put(store, "absent.example", absent(&sample));
  CU_ASSERT_EQUAL(mtasts_store_expire(store, NOW + 300 + 86400 - 1, &removed), MTASTS_OK);
  CU_ASSERT_EQUAL(removed, 0);
  CU_ASSERT_EQUAL(mtasts_store_expire(store, NOW + 300 + 86400, &removed), MTASTS_OK);
  CU_ASSERT_EQUAL(removed, 1);
  CU_ASSERT_EQUAL(look_up(cache, "absent.example", &entry), MTASTS_ABSENT);
  CU_ASSERT_EQUAL(mtasts_store_expire(store, end - 1, &removed), MTASTS_OK);
  CU_ASSERT_EQUAL(removed, 0);
  CU_ASSERT_EQUAL(mtasts_store_expire(store, end, &removed), MTASTS_OK);
  CU_ASSERT_EQUAL(removed, 1);
  CU_ASSERT_EQUAL(look_up(cache, "policy.example", &entry), MTASTS_ABSENT);
  CU_ASSERT_EQUAL(look_up(cache, "later.example", &entry), MTASTS_OK);
  mtasts_store_close(store);
  directory_free(path);
}

static void put_many(struct mtasts_store *store, const char *prefix, int first, int end,
                     const struct mtasts_entry *entry) {
  for (int i = first; i < end; i++) {
    struct mtasts_domain key = domain("%s%d.example", prefix, i);
    enum mtasts_status status = mtasts_store_put(store, &key, entry, NOW);
    unit_check(status == MTASTS_OK, "put %s: %s", key.name, mtasts_status_name(status));
  }
}

static void test_clear(void) {
  char path[32];
  struct sample sample;
  uint64_t removed = 0;
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  put_many(store, "p", 0, 1000, policy(&sample, "1"));
  put_many(store, "a", 0, 500, absent(&sample));
  CU_ASSERT_EQUAL(mtasts_store_clear(store, &removed), MTASTS_OK);
  CU_ASSERT_EQUAL(removed, 1500);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).entries, 0);
  put_many(store, "p", 0, 1000, policy(&sample, "1"));
  mtasts_store_close(store);
  store = store_open(path);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).policies, 1000);
  mtasts_store_close(store);
  directory_free(path);
}

static void test_compact(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_reader *reader;
  uint64_t before = 0;
  uint64_t after = 0;
  uint64_t removed;
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  put_many(store, "p", 0, 5000, policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_clear(store, &removed), MTASTS_OK);
  put_many(store, "p", 0, 100, policy(&sample, "2"));

  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(mtasts_store_cache(store), &reader), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_compact(store, &before, &after), MTASTS_IO);
  mtasts_reader_free(reader);
  CU_ASSERT_EQUAL(mtasts_store_compact(store, &before, &after), MTASTS_OK);
  unit_check(after > 0 && after < before / 4, "%llu bytes before, %llu after",
             (unsigned long long)before, (unsigned long long)after);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).policies, 100);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "p99.example", &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_compact(store, &before, &after), MTASTS_OK);
  put_many(store, "q", 0, 100, policy(&sample, "3"));
  mtasts_store_close(store);
  store = store_open(path);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).policies, 200);
  mtasts_store_close(store);
  directory_free(path);
}

static bool no_directory_syncs;

/* In the place of the C library's. */
int fsync(int fd) {
  struct stat found;
  if (no_directory_syncs && fstat(fd, &found) == 0 && S_ISDIR(found.st_mode)) {
    errno = EIO;
    return -1;
  }
  return fdatasync(fd);
}

/* The new file is in its place, but the disk does not know: what comes next goes there. */
static void test_compact_unsynced(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  uint64_t before = 0;
  uint64_t after = 0;
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  put_many(store, "p", 0, 100, policy(&sample, "1"));
  no_directory_syncs = true;
  CU_ASSERT_EQUAL(mtasts_store_compact(store, &before, &after), MTASTS_IO);
  no_directory_syncs = false;
  put_many(store, "q", 0, 100, policy(&sample, "1"));
  mtasts_store_close(store);
  store = store_open(path);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "p99.example", &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "q99.example", &entry), MTASTS_OK);
  mtasts_store_close(store);
  directory_free(path);
}

/* A look-up that failed ends no policy in force, whatever the look-up knew at its start. */
static void test_failure_over_policy(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_domain key = domain("a.example");
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  store_put(store, "a.example", policy(&sample, "1"));
  sample.entry = (struct mtasts_entry){.record = MTASTS_RECORD_ERROR,
                                       .error = MTASTS_ERROR_DNS,
                                       .failures = 1,
                                       .checked = NOW,
                                       .next_check = NOW + 60};
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  for (int64_t now = NOW; now <= NOW + WEEK; now += WEEK) {
    CU_ASSERT_EQUAL(mtasts_store_put(store, &key, &sample.entry, now), MTASTS_OK);
    CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
    CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "a.example", &entry), MTASTS_OK);
    CU_ASSERT_EQUAL(entry.has_policy, now < NOW + WEEK);
  }
  mtasts_store_close(store);
  directory_free(path);
}

/* A store that could not open its file again refuses everything. */
static int refuse_all(void *path) {
  char file[PATH_SIZE];
  char note[8];
  size_t size;
  uint64_t before;
  uint64_t after;
  uint64_t removed;
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_store *store = store_open(path);
  store_put(store, "a.example", policy(&sample, "1"));
  file_path(file, path, "lock.mdb");
  CU_ASSERT_EQUAL(unlink(file), 0);
  CU_ASSERT_EQUAL(mtasts_store_compact(store, &before, &after), MTASTS_NO_FILE);
  CU_ASSERT_EQUAL(mtasts_store_load_position(store, note, sizeof note, &size), MTASTS_IO);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "a.example", &entry), MTASTS_IO);
  CU_ASSERT_EQUAL(mtasts_store_clear(store, &removed), MTASTS_IO);
  CU_ASSERT_EQUAL(mtasts_store_compact(store, &before, &after), MTASTS_IO);
  mtasts_store_close(store);
  return CU_get_number_of_failures() == 0 ? 0 : 1;
}

static void test_not_reopened(void) {
  char path[32];
  directory_new(path);
  CU_ASSERT_EQUAL(in_child(refuse_all, path), 0);
  directory_free(path);
}

/* No memory for a larger map, and the smaller one is gone: the next flush opens it again. */
static int lose_map(void *path) {
  char note[8];
  size_t size;
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_reader *reader;
  struct mtasts_cache_stats stats;
  struct mtasts_store *store = store_open(path);
  struct mtasts_cache *cache = mtasts_store_cache(store);
  struct mtasts_domain key = domain("a.example");
  store_put(store, "a.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(cache, &reader), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_reader_get(reader, &key, &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_env_resize(cache, (size_t)1 << 60), ENOMEM);
  CU_ASSERT_EQUAL(mtasts_env_resize(cache, 0), EBADF);
  CU_ASSERT_EQUAL(mtasts_reader_get(reader, &key, &entry), MTASTS_OK); /* without LMDB */
  CU_ASSERT_EQUAL(look_up(cache, "a.example", &entry), MTASTS_IO);
  CU_ASSERT_EQUAL(mtasts_cache_count(cache, NOW, &stats), MTASTS_IO);
  CU_ASSERT_EQUAL(mtasts_store_load_position(store, note, sizeof note, &size), MTASTS_IO);
  store_put(store, "b.example", &sample.entry);
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK); /* in a new one */
  CU_ASSERT_EQUAL(look_up(cache, "b.example", &entry), MTASTS_OK);
  mtasts_reader_free(reader);
  mtasts_store_close(store);
  return CU_get_number_of_failures() == 0 ? 0 : 1;
}

static void test_lost_map(void) {
  char path[32];
  struct mtasts_entry entry;
  directory_new(path);
  CU_ASSERT_EQUAL(in_child(lose_map, path), 0);
  struct mtasts_store *store = store_open(path);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "a.example", &entry), MTASTS_OK);
  mtasts_store_close(store);
  directory_free(path);
}

static void test_growth(void) {
  char path[32];
  struct sample sample;
  struct mtasts_store_options options = mtasts_store_defaults;
  struct mtasts_store *store;
  options.map_size = 1;
  options.map_size_max = 4 << 20;
  directory_new(path);
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  CU_ASSERT(count(mtasts_store_cache(store)).space.map_size < 4 << 20);
  put_many(store, "p", 0, 10000, policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
  CU_ASSERT_EQUAL(stats.policies, 10000);
  CU_ASSERT_EQUAL(stats.space.map_size, 4 << 20);
  CU_ASSERT(stats.space.bytes_used > 10000 * 130 && stats.space.bytes_used < 4 << 20);
  mtasts_store_close(store);
  store = store_open(path); /* a larger map is kept, a smaller one is not asked for */
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).space.map_size, 1 << 30);
  mtasts_store_close(store);
  directory_free(path);
}

static unsigned mode_of(const char *directory, const char *name) {
  char file[PATH_SIZE];
  struct stat found;
  file_path(file, directory, name);
  CU_ASSERT_EQUAL_FATAL(lstat(file, &found), 0);
  return found.st_mode & 07777;
}

static void test_modes(void) {
  static const mode_t umasks[] = {0, 022, 077, 0377};
  for (size_t i = 0; i < sizeof umasks / sizeof *umasks; i++) {
    char parent[32];
    char path[PATH_SIZE];
    uint64_t before, after;
    directory_new(parent);
    file_path(path, parent, "cache");
    mode_t old = umask(umasks[i]);
    struct mtasts_store *store;
    enum mtasts_status status = mtasts_store_open(path, &mtasts_store_defaults, &store);
    if (status == MTASTS_OK) {
      CU_ASSERT_EQUAL(mtasts_store_compact(store, &before, &after), MTASTS_OK);
      mtasts_store_close(store);
    }
    umask(old);
    CU_ASSERT_EQUAL_FATAL(status, MTASTS_OK);
    CU_ASSERT_EQUAL(mode_of(path, "."), 0750);
    CU_ASSERT_EQUAL(mode_of(path, "data.mdb"), 0640);
    CU_ASSERT_EQUAL(mode_of(path, "lock.mdb"), 0660);
    CU_ASSERT_EQUAL(mode_of(path, "writer.lock"), 0660);
    directory_free(path);
    rmdir(parent);
  }
}

static void test_owner(void) {
  static const char *const names[] = {".", "data.mdb", "lock.mdb", "writer.lock"};
  char parent[32];
  char path[PATH_SIZE];
  struct mtasts_store_options options = mtasts_store_defaults;
  struct mtasts_store *store;
  if (geteuid() != 0) {
    unit_skip("not root: who owns what root creates");
    return;
  }
  options.uid = 4711;
  options.gid = 4712;
  directory_new(parent);
  file_path(path, parent, "cache");
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  mtasts_store_close(store);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char file[PATH_SIZE];
    struct stat found;
    file_path(file, path, names[i]);
    CU_ASSERT_EQUAL(lstat(file, &found), 0);
    unit_check(found.st_uid == 4711 && found.st_gid == 4712, "%s: %u:%u", names[i], found.st_uid,
               found.st_gid);
  }
  directory_free(path);
  rmdir(parent);
}

struct seen {
  unsigned count;
  unsigned corrupt;
  unsigned end_after;
  char last[MTASTS_DOMAIN_MAX + 3];
  bool policies_over;
};

static bool visit(void *context, const struct mtasts_domain *name, enum mtasts_status status,
                  const struct mtasts_entry *entry) {
  struct seen *seen = context;
  if (status != MTASTS_OK) {
    seen->corrupt++;
    return true;
  }
  if (!entry->has_policy && !seen->policies_over) {
    seen->policies_over = true;
    seen->last[0] = '\0';
  }
  unit_check(strcmp(seen->last, name->name) < 0, "%s after %s", name->name, seen->last);
  unit_check(entry->has_policy == !seen->policies_over, "%s out of place", name->name);
  snprintf(seen->last, sizeof seen->last, "%s", name->name);
  return ++seen->count != seen->end_after;
}

static void test_walk(void) {
  char path[32];
  struct sample sample;
  struct seen seen = {0};
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  struct mtasts_cache *cache = mtasts_store_cache(store);
  CU_ASSERT_EQUAL(mtasts_cache_walk(cache, visit, &seen), MTASTS_OK);
  CU_ASSERT_EQUAL(seen.count, 0);
  put_many(store, "p", 0, 1111, policy(&sample, "1"));
  put_many(store, "a", 0, 777, absent(&sample));
  mtasts_store_flush(store);
  CU_ASSERT_EQUAL(mtasts_cache_walk(cache, visit, &seen), MTASTS_OK);
  CU_ASSERT_EQUAL(seen.count, 1888);
  CU_ASSERT_EQUAL(seen.corrupt, 0);
  seen = (struct seen){.end_after = 100};
  CU_ASSERT_EQUAL(mtasts_cache_walk(cache, visit, &seen), MTASTS_OK);
  CU_ASSERT_EQUAL(seen.count, 100);
  struct mtasts_cache_stats stats = {0};
  CU_ASSERT_EQUAL(mtasts_cache_count(cache, NOW + WEEK, &stats), MTASTS_OK);
  CU_ASSERT_EQUAL(stats.entries, 1888);
  CU_ASSERT_EQUAL(stats.absent, 777);
  CU_ASSERT_EQUAL(stats.enforce, 1111);
  CU_ASSERT_EQUAL(stats.expired, 1111);
  CU_ASSERT_EQUAL(stats.corrupt, 0);
  CU_ASSERT_EQUAL(stats.readers, 0);
  mtasts_store_close(store);
  directory_free(path);
}

/* Puts raw bytes in the place of an entry. */
static void put_raw(struct mtasts_store *store, MDB_dbi dbi, const char *name, const void *bytes,
                    size_t size) {
  MDB_txn *txn;
  MDB_val key = {strlen(name), (void *)(uintptr_t)name};
  MDB_val value = {size, (void *)(uintptr_t)bytes};
  CU_ASSERT_EQUAL_FATAL(mdb_txn_begin(mtasts_store_cache(store)->env, NULL, 0, &txn), 0);
  CU_ASSERT_EQUAL(mdb_put(txn, dbi, &key, &value, 0), 0);
  CU_ASSERT_EQUAL(mdb_txn_commit(txn), 0);
}

static void keep_sentence(void *context, const char *sentence) {
  snprintf(context, 256, "%s", sentence);
}

static void test_corrupt_values(void) {
  static const char zeros[300000];
  static char long_name[400];
  char path[32];
  char warned[256] = "";
  unsigned char value[512];
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_store *store;
  struct mtasts_store_options options = mtasts_store_defaults;
  options.warn = keep_sentence;
  options.context = warned;
  directory_new(path);
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  struct mtasts_cache *cache = mtasts_store_cache(store);
  store_put(store, "good.example", policy(&sample, "1"));
  mtasts_store_flush(store);
  size_t size = mtasts_entry_encode(&sample.entry, value);
  memset(long_name, 'x', sizeof long_name - 1);
  put_raw(store, cache->policies, "empty.example", "", 0);
  put_raw(store, cache->policies, "huge.example", zeros, sizeof zeros);
  put_raw(store, cache->absent, "policy.example", value, size); /* in the wrong database */
  put_raw(store, cache->policies, "UPPER.example", value, size);
  put_raw(store, cache->policies, "new\nline.example", value, size);
  put_raw(store, cache->policies, long_name, value, size);
  value[MTASTS_ENTRY_HEADER + strlen(sample.entry.record_id) + 3] = ' '; /* in a pattern */
  mtasts_entry_write_checksum(value, size);
  put_raw(store, cache->policies, "space.example", value, size);
  value[MTASTS_ENTRY_HEADER] ^= 1;
  put_raw(store, cache->policies, "flipped.example", value, size);

  CU_ASSERT_EQUAL(look_up(cache, "empty.example", &entry), MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(look_up(cache, "huge.example", &entry), MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(look_up(cache, "flipped.example", &entry), MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(look_up(cache, "good.example", &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(count(cache).corrupt, 3);
  struct seen seen = {0};
  CU_ASSERT_EQUAL(mtasts_cache_walk(cache, visit, &seen), MTASTS_OK);
  CU_ASSERT_EQUAL(seen.corrupt, 8);
  CU_ASSERT_EQUAL(seen.count, 1);
  uint64_t removed = 0;
  CU_ASSERT_EQUAL(mtasts_store_expire(store, NOW, &removed), MTASTS_OK);
  CU_ASSERT_EQUAL(removed, 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(warned, "is damaged and counts as absent"));
  warned[0] = '\0';
  CU_ASSERT_EQUAL(mtasts_store_expire(store, NOW, &removed), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(warned, ""); /* once a minute */
  CU_ASSERT_EQUAL(mtasts_store_repair(store, &removed), MTASTS_OK);
  CU_ASSERT_EQUAL(removed, 8);
  CU_ASSERT_EQUAL(count(cache).entries, 1);
  CU_ASSERT_EQUAL(look_up(cache, "flipped.example", &entry), MTASTS_ABSENT);
  mtasts_store_close(store);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"a look-up that failed ends no policy in force", test_failure_over_policy},
    {"nothing is readable before its commit, and all is after", test_pending},
    {"a domain is in one database, as its last change says", test_one_place},
    {"one domain can be removed", test_remove},
    {"what could not be read back is refused", test_invalid},
    {"what is past use expires, not a second earlier", test_expire},
    {"clearing leaves a cache that works", test_clear},
    {"compacting goes on with a new file that was not synced", test_compact_unsynced},
    {"a store that could not reopen its file refuses all", test_not_reopened},
    {"a store that lost its map refuses all", test_lost_map},
    {"compacting shrinks, and loses nothing", test_compact},
    {"the map grows up to its limit", test_growth},
    {"modes do not depend on the umask", test_modes},
    {"root gives what it creates away", test_owner},
    {"a walk sees everything once, in order", test_walk},
    {"corrupt values are reported, seen and repaired", test_corrupt_values},
    {NULL, NULL},
};
