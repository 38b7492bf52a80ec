/* Quotas, the reserve, and full maps: what goes, and above all what does not. */
#include "data_file.h"
#include "fixture.h"
#include "store_private.h"

const char *const unit_name = "cache/quota";

static struct mtasts_store *open_small(const char *path, uint64_t map, uint64_t max_policies,
                                       uint64_t max_absent) {
  struct mtasts_store_options options = mtasts_store_defaults;
  struct mtasts_store *store = NULL;
  options.map_size = options.map_size_max = map;
  options.max_policies = max_policies;
  options.max_absent = max_absent;
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  return store;
}

enum {
  LARGE = 64 << 20 /* bytes of a map that is no limit here */
};

/* Puts entries whose names are the format with a number; returns those that found no room. */
__attribute__((format(printf, 2, 0))) static unsigned
put_many(struct mtasts_store *store, const char *prefix, const char *suffix, int end,
         const struct mtasts_entry *entry, int64_t now) {
  unsigned full = 0;
  for (int i = 0; i < end; i++) {
    struct mtasts_domain key = domain("%s%d%s", prefix, i, suffix);
    enum mtasts_status status = mtasts_store_put(store, &key, entry, now);
    unit_check(status == MTASTS_OK || status == MTASTS_FULL, "%s: %s", key.name,
               mtasts_status_name(status));
    full += status == MTASTS_FULL;
  }
  enum mtasts_status status = mtasts_store_flush(store);
  unit_check(status == MTASTS_OK || status == MTASTS_FULL, "flush: %s", mtasts_status_name(status));
  return full + (status == MTASTS_FULL);
}

static unsigned found(struct mtasts_store *store, const char *prefix, int end) {
  unsigned there = 0;
  for (int i = 0; i < end; i++) {
    struct mtasts_entry entry;
    there += look_up(mtasts_store_cache(store), domain("%s%d.example", prefix, i).name, &entry) ==
             MTASTS_OK;
  }
  return there;
}

static void test_absent_quota(void) {
  char path[32];
  struct sample sample;
  directory_new(path);
  struct mtasts_store *store = open_small(path, LARGE, 100, 100);
  put_many(store, "live", ".example", 100, policy(&sample, "1"), NOW);
  CU_ASSERT_EQUAL(put_many(store, "junk", ".example", 5000, absent(&sample), NOW), 0);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
  CU_ASSERT_EQUAL(stats.policies, 100);
  unit_check(stats.absent <= 100 && stats.absent >= 90, "%u absent", (unsigned)stats.absent);
  /* Updates of what is there displace nothing. */
  put_many(store, "live", ".example", 100, policy(&sample, "2"), NOW);
  CU_ASSERT_EQUAL(found(store, "live", 100), 100);
  mtasts_store_close(store);
  directory_free(path);
}

static void test_expired_first(void) {
  char path[32];
  struct sample sample;
  directory_new(path);
  struct mtasts_store *store = open_small(path, LARGE, 200, 200);
  put_many(store, "live", ".example", 100, policy(&sample, "1"), NOW);
  sample.entry.fetched -= WEEK;
  sample.entry.expires -= WEEK;
  put_many(store, "old", ".example", 100, &sample.entry, NOW);
  CU_ASSERT_EQUAL(found(store, "old", 100), 100);
  put_many(store, "new", ".example", 80, policy(&sample, "1"), NOW);
  CU_ASSERT_EQUAL(found(store, "live", 100), 100);
  CU_ASSERT_EQUAL(found(store, "new", 80), 80);
  CU_ASSERT(found(store, "old", 100) <= 20);
  mtasts_store_close(store);
  directory_free(path);
}

static void test_heaviest_first(void) {
  char path[32];
  struct sample sample;
  directory_new(path);
  struct mtasts_store *store = open_small(path, LARGE, 1000, 1000);
  put_many(store, "site", ".example", 300, policy(&sample, "1"), NOW);
  put_many(store, "a", ".flood.example", 10000, policy(&sample, "1"), NOW);
  CU_ASSERT_EQUAL(found(store, "site", 300), 300);
  unit_check(count(mtasts_store_cache(store)).policies <= 1000, "over the quota");
  CU_ASSERT(count(mtasts_store_cache(store)).policies >= 900);
  mtasts_store_close(store);
  directory_free(path);
}

/* In use are the names that begin so. */
static bool begins_with_used(void *context, const struct mtasts_domain *key) {
  (void)context;
  return strncmp(key->name, "used", 4) == 0 && strlen(key->name) == key->len;
}

static struct mtasts_store *open_told(const char *path, uint64_t max_policies,
                                      uint64_t max_absent) {
  struct mtasts_store_options options = mtasts_store_defaults;
  struct mtasts_store *store = NULL;
  options.map_size = options.map_size_max = LARGE;
  options.max_policies = max_policies;
  options.max_absent = max_absent;
  options.in_use = begins_with_used;
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  return store;
}

/* A popular domain without a policy outlives any flood of junk. */
static void test_absent_in_use(void) {
  char path[32];
  struct sample sample;
  directory_new(path);
  struct mtasts_store *store = open_told(path, 100, 1000);
  put_many(store, "used", ".example", 800, absent(&sample), NOW);
  CU_ASSERT_EQUAL(put_many(store, "junk", ".example", 10000, &sample.entry, NOW), 0);
  CU_ASSERT_EQUAL(found(store, "used", 800), 800);
  CU_ASSERT(count(mtasts_store_cache(store)).absent <= 1000);
  /* If all domains are in use, the quota still holds. */
  CU_ASSERT_EQUAL(put_many(store, "used", ".example", 3000, &sample.entry, NOW), 0);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
  unit_check(stats.absent <= 1000 && stats.absent >= 900, "%u absent", (unsigned)stats.absent);
  CU_ASSERT_EQUAL(found(store, "junk", 10000), 0);
  mtasts_store_close(store);
  directory_free(path);
}

/* Of policies of equally heavy organisational domains, those not in use go; but of a heavier one
 * the use does not help. */
static void test_policies_in_use(void) {
  char path[32];
  struct sample sample;
  directory_new(path);
  struct mtasts_store *store = open_told(path, 1000, 100);
  put_many(store, "used", ".example", 500, policy(&sample, "1"), NOW);
  put_many(store, "idle", ".example", 3000, &sample.entry, NOW);
  CU_ASSERT_EQUAL(found(store, "used", 500), 500);
  put_many(store, "used", ".flood.example", 3000, &sample.entry, NOW);
  CU_ASSERT_EQUAL(found(store, "used", 500), 500);
  unsigned idle = found(store, "idle", 3000);
  unit_check(idle > 400, "%u idle ones are left", idle);
  CU_ASSERT(count(mtasts_store_cache(store)).policies <= 1000);
  mtasts_store_close(store);
  directory_free(path);
}

/* co.uk is a public suffix; flood.co.uk is an organisation's domain. */
static void test_categories(void) {
  char path[32];
  struct sample sample;
  directory_new(path);
  struct mtasts_store *store = open_small(path, LARGE, 1000, 1000);
  for (int i = 0; i < 300; i++)
    store_put(store, domain("site%d.co.uk", i).name, policy(&sample, "1"));
  put_many(store, "site", ".example", 300, &sample.entry, NOW);
  put_many(store, "a", ".flood.co.uk", 5000, &sample.entry, NOW);
  put_many(store, "a", ".flood.de", 5000, &sample.entry, NOW);
  CU_ASSERT_EQUAL(found(store, "site", 300), 300);
  struct mtasts_entry entry;
  unsigned there = 0;
  for (int i = 0; i < 300; i++)
    there +=
        look_up(mtasts_store_cache(store), domain("site%d.co.uk", i).name, &entry) == MTASTS_OK;
  CU_ASSERT_EQUAL(there, 300);
  uint64_t policies = count(mtasts_store_cache(store)).policies;
  unit_check(policies <= 1000 && policies >= 900, "%u policies", (unsigned)policies);
  mtasts_store_close(store);
  directory_free(path);
}

static void test_alike(void) {
  char path[32];
  struct sample sample;
  directory_new(path);
  struct mtasts_store *store = open_small(path, LARGE, 10, 10);
  CU_ASSERT_EQUAL(put_many(store, "site", ".example", 3000, policy(&sample, "1"), NOW), 0);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
  unit_check(stats.policies <= 10 && stats.policies > 0, "%u policies", (unsigned)stats.policies);
  mtasts_store_close(store);
  directory_free(path);
}

/* How many there are, by LMDB's own count: it reads no entry. */
static uint64_t policies_in(struct mtasts_store *store) {
  MDB_txn *txn;
  MDB_stat stat = {0};
  CU_ASSERT_EQUAL_FATAL(mtasts_store_begin(store, &txn), 0);
  CU_ASSERT_EQUAL(mdb_stat(txn, store->cache.policies, &stat), 0);
  mdb_txn_abort(txn);
  return stat.ms_entries;
}

/* Policies up to the quota, at which the first are evicted. */
static void fill_to_the_line(struct mtasts_store *store) {
  struct sample sample;
  uint64_t policies = 0;
  do {
    store_put(store, domain("live%d.example", (int)policies++).name, policy(&sample, "1"));
    CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  } while (policies_in(store) == policies);
  /* An eviction that found no page free itself goes on with the next commits. */
  for (int commit = 0; commit < 8; commit++) {
    store_put(store, "settle.example", policy(&sample, "1"));
    CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  }
}

/* What would be evicted at once is refused, so that its caller knows to remember it. */
static void test_crowded(void) {
  static const uint64_t maps[] = {256 << 10, 1 << 20, 3 << 20};
  unsigned refused = 0;
  for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
    char path[32];
    struct sample sample;
    struct mtasts_entry entry;
    uint64_t removed;
    unsigned forgotten = 0;
    directory_new(path);
    struct mtasts_store *store = open_small(path, maps[i], 1000000, 1000000);
    fill_to_the_line(store);
    for (int n = 0; n < 200; n++) {
      struct mtasts_domain key = domain("absent%d.example", n);
      enum mtasts_status status = mtasts_store_put(store, &key, absent(&sample), NOW);
      refused += status == MTASTS_FULL;
      CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
      forgotten +=
          status == MTASTS_OK && look_up(mtasts_store_cache(store), key.name, &entry) != MTASTS_OK;
    }
    unit_check(forgotten <= 50, "%u were taken and forgotten", forgotten);
    CU_ASSERT_EQUAL(mtasts_store_clear(store, &removed), MTASTS_OK);
    store_put(store, "absent.example", absent(&sample));
    CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
    CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "absent.example", &entry), MTASTS_OK);
    mtasts_store_close(store);
    directory_free(path);
  }
  unit_check(refused > 0, "none was refused");
}

/* The map is full to the reserve of policies, and junk keeps coming. */
static void test_flood_of_junk(void) {
  static const uint64_t maps[] = {256 << 10, 1 << 20, 3 << 20};
  for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
    char path[32];
    struct sample sample;
    directory_new(path);
    struct mtasts_store *store = open_small(path, maps[i], 1000000, 1000000);
    fill_to_the_line(store);
    uint64_t before = count(mtasts_store_cache(store)).policies;
    CU_ASSERT(before > 100);
    put_many(store, "junk", ".example", 20000, absent(&sample), NOW);
    struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
    unit_check(stats.policies == before, "%u of %u policies left", (unsigned)stats.policies,
               (unsigned)before);
    CU_ASSERT(stats.space.bytes_used <= maps[i] / 100 * 90 + (32 << 10));
    mtasts_store_close(store);
    directory_free(path);
  }
}

/* More policies than the map holds: it stays usable, and below the reserve. */
static void test_full_of_policies(void) {
  char path[32];
  struct sample sample;
  uint64_t removed = 0;
  directory_new(path);
  struct mtasts_store *store = open_small(path, 1 << 20, 1000000, 1000000);
  CU_ASSERT_EQUAL(put_many(store, "p", ".example", 20000, policy(&sample, "1"), NOW), 0);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
  CU_ASSERT(stats.space.bytes_used <= (1 << 20) / 100 * 91);
  unit_check(stats.policies > 800, "%u policies in 1 MiB", (unsigned)stats.policies);
  CU_ASSERT_EQUAL(mtasts_store_clear(store, &removed), MTASTS_OK);
  CU_ASSERT_EQUAL(removed, stats.policies);
  CU_ASSERT_EQUAL(put_many(store, "p", ".example", 100, policy(&sample, "1"), NOW), 0);
  CU_ASSERT_EQUAL(found(store, "p", 100), 100);
  mtasts_store_close(store);

  /* A lower quota is brought about by the next change. */
  store = open_small(path, 1 << 20, 50, 1000000);
  store_put(store, "one.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT(count(mtasts_store_cache(store)).policies <= 50);
  mtasts_store_close(store);
  directory_free(path);
}

static void keep_sentence(void *context, const char *sentence) {
  snprintf(context, 256, "%s", sentence);
}

/* Values as large as they come, in a map that cannot hold ten of them. */
static void test_large_values(void) {
  static unsigned char patterns[60000];
  char path[32];
  char warned[256] = "";
  struct sample sample;
  struct mtasts_store *store;
  struct mtasts_store_options options = mtasts_store_defaults;
  options.map_size = options.map_size_max = 512 << 10;
  options.warn = keep_sentence;
  options.context = warned;
  directory_new(path);
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  policy(&sample, "1");
  struct mtasts_names *names = &sample.entry.policy.mx;
  *names = (struct mtasts_names){.data = patterns};
  for (; names->size + 16 <= sizeof patterns; names->count++)
    names->size += pack(patterns + names->size, "mx1.example.com");
  unsigned full = put_many(store, "large", ".example", 200, &sample.entry, NOW);
  unit_check(count(mtasts_store_cache(store)).policies > 0, "none is left");
  unit_check((full > 0) == (warned[0] != '\0'), "%u refused, and: %s", full, warned);
  policy(&sample, "1");
  CU_ASSERT_EQUAL(put_many(store, "small", ".example", 50, &sample.entry, NOW), 0);
  CU_ASSERT_EQUAL(found(store, "small", 50), 50);
  CU_ASSERT_EQUAL(mtasts_store_pending(store), 0);
  mtasts_store_close(store);
  directory_free(path);
}

/* The flood is few entries of many bytes: what is evicted because of it is counted in bytes, or the
 * need would go on to honest policies when all of the flood is gone. */
static void test_few_large_ones(void) {
  enum {
    HONEST = 20000,
    FLOOD = 200,
  };
  static unsigned char patterns[60000];
  char path[32];
  struct sample sample;
  directory_new(path);
  struct mtasts_store *store = open_small(path, 16 << 20, 1000000, 1000000);
  CU_ASSERT_EQUAL(put_many(store, "site", ".example", HONEST, policy(&sample, "1"), NOW), 0);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).policies, HONEST);
  struct mtasts_names *names = &sample.entry.policy.mx;
  *names = (struct mtasts_names){.data = patterns};
  for (; names->size + 16 <= sizeof patterns; names->count++)
    names->size += pack(patterns + names->size, "mx1.example.com");
  put_many(store, "a", ".flood.example", FLOOD, &sample.entry, NOW);
  unit_check(count(mtasts_store_cache(store)).policies < HONEST + FLOOD, "it did fit in");
  /* One domain in 65536 shares its scale with the flood by chance. */
  unsigned left = found(store, "site", HONEST);
  unit_check(left >= HONEST - 4, "%u of %d left", left, HONEST);
  mtasts_store_close(store);
  directory_free(path);
}

static bool is_tenth(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value) {
  (void)context;
  (void)dbi;
  (void)value;
  const unsigned char *name = key->mv_data;
  return name[key->mv_size - 1] == '0';
}

/* Removing takes pages itself, so in a map without any it goes on in smaller steps. */
static void test_sweep_without_room(void) {
  char path[32];
  static const unsigned char value[200];
  int rc = 0;
  directory_new(path);
  struct mtasts_store *store = open_small(path, 1 << 20, 1000000, 1000000);
  for (unsigned i = 0; rc == 0; i++) {
    MDB_txn *txn;
    CU_ASSERT_EQUAL_FATAL(mtasts_store_begin(store, &txn), 0);
    for (unsigned n = 0; n < 20 && rc == 0; n++) {
      char name[16];
      MDB_val key = {(size_t)snprintf(name, sizeof name, "%07u", 20 * i + n), name};
      rc = mdb_put(txn, store->cache.absent, &key,
                   &(MDB_val){sizeof value, (void *)(uintptr_t)value}, MDB_APPEND);
    }
    if (rc == 0)
      rc = mtasts_data_commit(txn);
    else
      mdb_txn_abort(txn);
  }
  CU_ASSERT_EQUAL(rc, MDB_MAP_FULL);
  uint64_t entries = count(mtasts_store_cache(store)).entries;
  struct mtasts_bulk_delete deletion = {
      .dbi = store->cache.absent, .selects = is_tenth, .limit = UINT64_MAX};
  rc = mtasts_bulk_delete(store, &deletion);
  unit_check(rc == 0 && deletion.removed == entries / 10, "%d, %u of %u removed", rc,
             (unsigned)deletion.removed, (unsigned)entries);
  mtasts_store_close(store);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"absent entries have their own quota", test_absent_quota},
    {"expired policies go before live ones", test_expired_first},
    {"the heaviest organisational domain goes first", test_heaviest_first},
    {"absent entries that are in use go last", test_absent_in_use},
    {"among policies that weigh alike, those in use go last", test_policies_in_use},
    {"a category below a country is no organisation", test_categories},
    {"policies that weigh alike make room, too", test_alike},
    {"what would not stay is refused", test_crowded},
    {"a flood of junk removes no live policy", test_flood_of_junk},
    {"a map full of policies stays usable", test_full_of_policies},
    {"large values in a small map", test_large_values},
    {"a few large policies cost no small ones", test_few_large_ones},
    {"a sweep works in a full map", test_sweep_without_room},
    {NULL, NULL},
};
