/*
 * Making room. Where a quota is exceeded or the reserve is touched, a 64th more than that is
 * evicted at once, so that passing through the whole cache to choose costs each new entry no
 * more than some hundred steps. Absent entries go from a random place on. For policies, a
 * first pass takes the expired ones and weighs the others by organisational domain, on
 * scales found by a hash (salted, so that nobody can choose whose to share); a second
 * pass, from a random place on, takes those on scales that show half of the heaviest or more.
 */
#include <errno.h>
#include <stdlib.h>

#include "writer.h"

enum {
  SHARE = 64,
  SCALES = 1 << 16, /* organisational domains share one by their hash, seldom */
  ROUNDS_MAX = 64,  /* each at least halves the heaviest weight, or ends the need */
};

struct scales {
  struct mtasts_store *store;
  uint64_t least;
  uint64_t weight[SCALES]; /* bytes */
};

/* The scale of a name's organisational domain, taken to be its last two labels. */
static uint64_t *scale_of(struct scales *scales, const MDB_val *key) {
  const unsigned char *name = key->mv_data;
  uint64_t hash = scales->store->salt;
  int dots = 0;
  for (size_t i = key->mv_size; i > 0; i--) {
    if (name[i - 1] == '.' && ++dots == 2)
      break;
    hash = (hash ^ name[i - 1]) * 0x100000001b3;
  }
  return &scales->weight[(hash >> 32) % SCALES];
}

/* An expired policy goes, and so does damage; the others are weighed. */
static bool weigh(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value) {
  struct scales *scales = context;
  struct mtasts_entry entry;
  (void)dbi;
  if (mtasts_entry_decode(value->mv_data, value->mv_size, &entry) != MTASTS_OK ||
      !mtasts_entry_live(&entry, scales->store->now))
    return true;
  *scale_of(scales, key) += key->mv_size + value->mv_size;
  return false;
}

static bool is_heavy(void *context, MDB_dbi dbi, const MDB_val *key, const MDB_val *value) {
  struct scales *scales = context;
  (void)dbi;
  (void)value;
  return *scale_of(scales, key) >= scales->least;
}

/* What has to go. */
struct surplus {
  uint64_t amount; /* 0: nothing */
  bool in_bytes;   /* is it, else in entries */
};

static int evict_policies(struct mtasts_store *store, struct surplus surplus, uint64_t *removed) {
  struct scales *scales = calloc(1, sizeof *scales);
  struct mtasts_sweep sweep = {.dbi = store->cache.policies,
                               .context = scales,
                               .limit = surplus.amount,
                               .in_bytes = surplus.in_bytes};
  int rc = 0;
  if (!scales)
    return ENOMEM;
  scales->store = store;
  for (int round = 0; round < ROUNDS_MAX && rc == 0 && sweep.gone < sweep.limit; round++) {
    memset(scales->weight, 0, sizeof scales->weight);
    sweep.judge = weigh;
    if ((rc = mtasts_sweep(store, &sweep)) != 0)
      break;
    uint64_t heaviest = 0;
    for (size_t i = 0; i < SCALES; i++)
      if (scales->weight[i] > heaviest)
        heaviest = scales->weight[i];
    if (heaviest == 0)
      break;
    scales->least = heaviest / 2;
    sweep.judge = is_heavy;
    rc = mtasts_sweep_round(store, &sweep);
  }
  free(scales);
  *removed = sweep.removed;
  return rc;
}

static int evict_absent(struct mtasts_store *store, uint64_t count, uint64_t *removed) {
  struct mtasts_sweep sweep = {.dbi = store->cache.absent, .limit = count};
  int rc = mtasts_sweep_round(store, &sweep);
  *removed = sweep.removed;
  return rc;
}

static int measure(struct mtasts_store *store, struct mtasts_usage *usage) {
  MDB_txn *txn;
  int rc = mtasts_store_begin(store, &txn);
  if (rc != 0)
    return rc;
  rc = mtasts_env_usage(&store->cache, txn, usage);
  mdb_txn_abort(txn);
  return rc;
}

int mtasts_quota_evict_absent(struct mtasts_store *store, uint64_t *removed) {
  struct mtasts_usage usage;
  int rc = measure(store, &usage);
  return rc == 0 ? evict_absent(store, usage.absent / SHARE + 1, removed) : rc;
}

/* How many absent entries, which are all of one size, or 0. */
static uint64_t absent_surplus(const struct mtasts_usage *usage, uint64_t quota, uint64_t line) {
  if (usage->absent > quota)
    return usage->absent - quota + quota / SHARE;
  return usage->bytes > line && usage->absent > 0 ? usage->absent / SHARE + 1 : 0;
}

/*
 * By their own bytes alone: so absent entries never displace a policy. Too many bytes are counted
 * in bytes: policies differ a thousandfold, and where some large ones are too much, as many small
 * ones as a share of all are not to follow them.
 */
static struct surplus policy_surplus(const struct mtasts_usage *usage, uint64_t quota,
                                     uint64_t line) {
  if (usage->policies > quota)
    return (struct surplus){usage->policies - quota + quota / SHARE, false};
  if (usage->policy_bytes > line)
    return (struct surplus){usage->policy_bytes - line + line / SHARE, true};
  return (struct surplus){0};
}

int mtasts_quota_hold(struct mtasts_store *store) {
  const struct mtasts_store_options *options = &store->options;
  for (;;) {
    struct mtasts_usage usage;
    uint64_t removed = 0;
    int rc = measure(store, &usage);
    if (rc != 0)
      return rc;
    uint64_t line = options->map_size_max / 100 * (100 - MTASTS_STORE_RESERVE);
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
