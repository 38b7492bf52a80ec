/*
 * Eviction. If a quota is exceeded or the reserve is touched, the surplus and a 64th of the quota
 * are evicted at once. So the passes through the whole cache cost each new entry some hundred steps
 * at most. Absent entries are evicted from a random key on. For policies, a first pass evicts the
 * expired ones and weighs the others by organisational domain. A second pass, from a random key on,
 * evicts those that weigh at least half of the heaviest.
 *
 * The weights are kept in a count-min sketch. In each of two rows, a hash assigns an organisational
 * domain to one of the scales. Its weight is the lesser of the two that they show. The hash is
 * salted, so that no domain can choose another to share scales with. Among a million domains it
 * shares each of its scales with others, but hardly ever both with a heavy one.
 *
 * A domain in use is evicted only if evicting all other candidates, absent or heavy, was not
 * enough. The caller's in_use knows the domains in use. The cache stores nothing of it, so a hit
 * costs no write.
 */
#include <errno.h>
#include <stdlib.h>

#include "organisation.h"
#include "store_private.h"

enum {
  SHARE = 64,
  ROWS = 2,         /* rows of scales; together they fit into the processor's cache */
  SCALES = 1 << 16, /* in a row */
  UNIT = 64,        /* bytes that weigh 1; weights end at 256 GiB */
  ROUNDS_MAX = 64,  /* each at least halves the heaviest weight, or ends the need */
};

struct scales {
  struct mtasts_store *store;
  uint32_t heaviest; /* of the organisational domains */
  uint32_t weight[ROWS][SCALES];
};

static uint64_t hash_of(const struct scales *scales, const MDB_val *key) {
  const unsigned char *name = key->mv_data;
  uint64_t hash = scales->store->salt;
  for (size_t i = mtasts_organisation_start(key->mv_data, key->mv_size); i < key->mv_size; i++)
    hash = (hash ^ name[i]) * 0x100000001b3;
  /* Every bit counts in each row. */
  hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 32;
}

static uint32_t *scale(struct scales *scales, uint64_t hash, unsigned row) {
  return &scales->weight[row][(hash >> 16 * row) % SCALES];
}

static uint32_t sum_of(uint32_t a, uint32_t b) {
  return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* The weight of the organisational domain, or more. */
static uint32_t shown(struct scales *scales, uint64_t hash) {
  uint32_t least = UINT32_MAX;
  for (unsigned row = 0; row < ROWS; row++)
    if (*scale(scales, hash, row) < least)
      least = *scale(scales, hash, row);
  return least;
}

/* `heaviest` is the greatest weight shown while policies are added. It is never more than the
 * heaviest domain's weight in the end, so there is always a domain with at least half of it. */
static void add_weight(struct scales *scales, const MDB_val *key, size_t bytes) {
  uint32_t weight = (uint32_t)(bytes / UNIT) + 1;
  uint64_t hash = hash_of(scales, key);
  for (unsigned row = 0; row < ROWS; row++)
    *scale(scales, hash, row) = sum_of(*scale(scales, hash, row), weight);
  uint32_t sum = shown(scales, hash);
  if (sum > scales->heaviest)
    scales->heaviest = sum;
}

/* Selects expired and damaged policies, and weighs the others. */
static bool weigh(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value) {
  struct scales *scales = context;
  struct mtasts_entry entry;
  (void)dbi;
  if (mtasts_entry_decode(value->mv_data, value->mv_size, &entry) != MTASTS_OK ||
      !mtasts_entry_live(&entry, scales->store->now))
    return true;
  add_weight(scales, key, key->mv_size + value->mv_size);
  return false;
}

static bool is_heavy(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value) {
  struct scales *scales = context;
  (void)dbi;
  (void)value;
  return shown(scales, hash_of(scales, key)) >= scales->heaviest / 2;
}

static bool in_use(const struct mtasts_store *store, const MDB_val *key) {
  struct mtasts_domain domain;
  if (!store->options.in_use || key->mv_size > MTASTS_DOMAIN_MAX)
    return false;
  memcpy(domain.name, key->mv_data, key->mv_size);
  domain.name[key->mv_size] = '\0';
  domain.len = key->mv_size;
  return store->options.in_use(store->options.context, &domain);
}

static bool is_heavy_and_unused(void *context, MDB_dbi dbi, const MDB_val *key,
                                const MDB_val *value) {
  struct scales *scales = context;
  return is_heavy(context, dbi, key, value) && !in_use(scales->store, key);
}

static bool is_unused(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value) {
  (void)dbi;
  (void)value;
  return !in_use(context, key);
}

/* Deletes what `unused` selects in one pass; if that was not enough, what `any` selects in a second
 * one. */
static int take(struct mtasts_store *store, struct mtasts_bulk_delete *deletion,
                mtasts_bulk_delete_fn *unused, mtasts_bulk_delete_fn *any) {
  int rc = 0;
  deletion->selects = unused;
  if (store->options.in_use)
    rc = mtasts_bulk_delete_from_random(store, deletion);
  deletion->selects = any;
  return rc == 0 ? mtasts_bulk_delete_from_random(store, deletion) : rc;
}

/* How much must be evicted. */
struct surplus {
  uint64_t amount; /* 0: nothing */
  bool in_bytes;   /* the amount is in bytes, else in entries */
};

static int evict_policies(struct mtasts_store *store, struct surplus surplus, uint64_t *removed) {
  struct scales *scales = calloc(1, sizeof *scales);
  struct mtasts_bulk_delete deletion = {.dbi = store->cache.policies,
                                        .context = scales,
                                        .limit = surplus.amount,
                                        .in_bytes = surplus.in_bytes};
  int rc = 0;
  if (!scales)
    return ENOMEM;
  scales->store = store;
  for (int round = 0; round < ROUNDS_MAX && rc == 0 && deletion.deleted < deletion.limit; round++) {
    memset(scales->weight, 0, sizeof scales->weight);
    scales->heaviest = 0;
    deletion.selects = weigh;
    if ((rc = mtasts_bulk_delete(store, &deletion)) != 0 || scales->heaviest == 0)
      break;
    rc = take(store, &deletion, is_heavy_and_unused, is_heavy);
  }
  free(scales);
  *removed = deletion.removed;
  return rc;
}

static int evict_absent(struct mtasts_store *store, uint64_t count, uint64_t *removed) {
  struct mtasts_bulk_delete deletion = {
      .dbi = store->cache.absent, .context = store, .limit = count};
  int rc = take(store, &deletion, is_unused, NULL);
  *removed = deletion.removed;
  return rc;
}

static int measure(struct mtasts_store *store, struct mtasts_env_stats *usage) {
  MDB_txn *txn;
  int rc = mtasts_store_begin(store, &txn);
  if (rc != 0)
    return rc;
  rc = mtasts_env_read_stats(&store->cache, txn, usage);
  mdb_txn_abort(txn);
  return rc;
}

int mtasts_quota_evict_absent(struct mtasts_store *store, uint64_t *removed) {
  struct mtasts_env_stats usage;
  int rc = measure(store, &usage);
  return rc == 0 ? evict_absent(store, usage.absent / SHARE + 1, removed) : rc;
}

/* How many absent entries must be evicted, or 0. They all have about the same size. */
static uint64_t absent_surplus(const struct mtasts_env_stats *usage, uint64_t quota,
                               uint64_t line) {
  if (usage->absent > quota)
    return usage->absent - quota + quota / SHARE;
  return usage->bytes > line && usage->absent > 0 ? usage->absent / SHARE + 1 : 0;
}

/*
 * How many policies must be evicted. Only the policies' own bytes count, so absent entries never
 * displace a policy. A surplus of bytes is evicted by bytes, not by entries: policies differ a
 * thousandfold in size, and a few large ones must not cause the eviction of many small ones.
 */
static struct surplus policy_surplus(const struct mtasts_env_stats *usage, uint64_t quota,
                                     uint64_t line) {
  if (usage->policies > quota)
    return (struct surplus){usage->policies - quota + quota / SHARE, false};
  if (usage->policy_bytes > line)
    return (struct surplus){usage->policy_bytes - line + line / SHARE, true};
  return (struct surplus){0};
}

static uint64_t line_of(const struct mtasts_store *store) {
  return store->options.map_size_max / 100 * (100 - MTASTS_STORE_RESERVE);
}

/* Do policies and LMDB's own pages leave no page below the line? The policies by themselves may be
 * below it. Then no policy is evicted, but each absent entry is. */
static bool is_full_of_policies(const struct mtasts_store *store,
                                const struct mtasts_env_stats *usage) {
  return usage->absent == 0 && usage->bytes + store->cache.page_size > line_of(store);
}

bool mtasts_quota_would_evict(struct mtasts_store *store) {
  struct mtasts_env_stats usage;
  /* Entries may have been removed since, without a flush. */
  if (store->full_of_policies && measure(store, &usage) == 0)
    store->full_of_policies = is_full_of_policies(store, &usage);
  return store->full_of_policies;
}

int mtasts_quota_enforce(struct mtasts_store *store) {
  const struct mtasts_store_options *options = &store->options;
  const uint64_t line = line_of(store);
  for (;;) {
    struct mtasts_env_stats usage;
    uint64_t removed = 0;
    int rc = measure(store, &usage);
    if (rc != 0)
      return rc;
    store->full_of_policies = is_full_of_policies(store, &usage);
    uint64_t absent = absent_surplus(&usage, options->max_absent, line);
    struct surplus policies = policy_surplus(&usage, options->max_policies, line);
    if (absent > 0)
      rc = evict_absent(store, absent, &removed);
    else if (policies.amount > 0)
      rc = evict_policies(store, policies, &removed);
    if (rc != 0 || removed == 0)
      return rc;
  }
}
