/* flood.h: floods of names and of bytes over a cache, at any scale: for the tests, and for the
 * bench at full size. */
#ifndef CACHE_FLOOD_H
#define CACHE_FLOOD_H

#include <time.h>

#include "fixture.h"
#include "tree_check.h"

enum {
  FLOOD_LARGE = 64 << 10, /* bytes of mx patterns, near the most that a policy may have */
  FLOOD_TURN = 64,        /* a group of the flood, then honest ones */
};

struct flood_scale {
  int honest;   /* policies, each of an organisational domain of its own */
  int popular;  /* absent entries that are in use */
  int flood;    /* entries */
  uint64_t map; /* bytes */
  uint64_t max_absent;
};

struct flood_result {
  int honest_lost, popular_lost; /* entries that are gone */
  int not_updated;               /* honest ones whose update was not written */
  int left;                      /* entries of the flood that are in the cache at the end */
  double longest;                /* seconds of CPU that the longest put or flush took */
};

/* Of the CPU: others use this machine, too. */
static inline double flood_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What is in use says so by its name, here. */
static inline bool flood_in_use(void *context, const struct mtasts_domain *key) {
  (void)context;
  return strncmp(key->name, "popular", 7) == 0;
}

static inline struct mtasts_store *flood_open(const char *path, const struct flood_scale *scale) {
  struct mtasts_store *store = NULL;
  struct mtasts_store_options options = mtasts_store_defaults;
  options.map_size = options.map_size_max = scale->map;
  options.max_absent = scale->max_absent;
  options.in_use = flood_in_use;
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  return store;
}

/* The result of a put in a flood does not matter. */
static inline void flood_put(struct mtasts_store *store, const struct mtasts_domain *key,
                             const struct mtasts_entry *entry, struct flood_result *result) {
  double before = flood_clock();
  enum mtasts_status status = mtasts_store_put(store, key, entry, NOW);
  double took = flood_clock() - before;
  unit_check(status == MTASTS_OK || status == MTASTS_FULL, "%s: %s", key->name,
             mtasts_status_name(status));
  if (took > result->longest)
    result->longest = took;
}

static inline void flood_flush(struct mtasts_store *store, struct flood_result *result) {
  double before = flood_clock();
  mtasts_store_flush(store);
  double took = flood_clock() - before;
  if (took > result->longest)
    result->longest = took;
}

static inline void flood_prepare(struct mtasts_store *store, const struct flood_scale *scale) {
  struct flood_result unused = {.longest = 0};
  struct sample sample;
  policy(&sample, "old");
  for (int i = 0; i < scale->honest; i++) {
    struct mtasts_domain key = domain("honest%d.example", i);
    flood_put(store, &key, &sample.entry, &unused);
  }
  absent(&sample);
  for (int i = 0; i < scale->popular; i++) {
    struct mtasts_domain key = domain("popular%d.example", i);
    flood_put(store, &key, &sample.entry, &unused);
  }
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
}

static inline bool flood_holds(struct mtasts_reader *reader, const char *format, int i,
                               struct mtasts_entry *entry) {
  struct mtasts_domain key = {.len = 0};
  key.len = (size_t)snprintf(key.name, sizeof key.name, "%s%d.example", format, i);
  return mtasts_reader_get(reader, &key, entry) == MTASTS_OK;
}

/* Updates an honest policy in the middle of it all, and looks whether that was written. */
static inline void flood_update(struct mtasts_store *store, struct mtasts_reader *reader, int i,
                                struct flood_result *result) {
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_domain key = domain("honest%d.example", i);
  flood_put(store, &key, policy(&sample, "new"), result);
  flood_flush(store, result);
  result->not_updated +=
      !flood_holds(reader, "honest", i, &entry) || strcmp(entry.policy_id, "new") != 0;
}

static inline void flood_look(struct mtasts_store *store, struct mtasts_reader *reader,
                              const struct flood_scale *scale, struct flood_result *result) {
  struct mtasts_entry entry;
  for (int i = 0; i < scale->honest; i++)
    result->honest_lost += !flood_holds(reader, "honest", i, &entry);
  for (int i = 0; i < scale->popular; i++)
    result->popular_lost += !flood_holds(reader, "popular", i, &entry);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
  result->left = (int)stats.entries - (scale->honest - result->honest_lost) -
                 (scale->popular - result->popular_lost);
}

/* The flood: entries named PREFIX + number + SUFFIX, and after each group an honest update. */
static inline struct flood_result flood_run(const struct flood_scale *scale, const char *suffix,
                                            const struct mtasts_entry *entry) {
  struct flood_result result = {.longest = 0};
  struct mtasts_reader *reader;
  char path[32];
  directory_new(path);
  struct mtasts_store *store = flood_open(path, scale);
  flood_prepare(store, scale);
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(mtasts_store_cache(store), &reader), MTASTS_OK);
  for (int i = 0; i < scale->flood; i++) {
    struct mtasts_domain key = domain("flood%d.%s", i, suffix);
    flood_put(store, &key, entry, &result);
    if (i % FLOOD_TURN == FLOOD_TURN - 1)
      flood_update(store, reader, i / FLOOD_TURN % scale->honest, &result);
  }
  flood_flush(store, &result);
  flood_look(store, reader, scale, &result);
  mtasts_reader_free(reader);
  mtasts_store_close(store);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK); /* it knows all that LMDB makes */
  directory_free(path);
  return result;
}

/* Names that exist nowhere, each asked for once. */
static inline struct flood_result flood_of_junk(const struct flood_scale *scale) {
  struct sample sample;
  return flood_run(scale, "example", absent(&sample));
}

/* Policies as large as they come, of names below one domain. */
static inline struct flood_result flood_of_bytes(const struct flood_scale *scale) {
  static unsigned char patterns[FLOOD_LARGE];
  struct sample sample;
  policy(&sample, "1");
  struct mtasts_names *names = &sample.entry.policy.mx;
  *names = (struct mtasts_names){.data = patterns};
  for (; names->size + 16 <= MTASTS_POLICY_MAX - 16; names->count++)
    names->size += pack(patterns + names->size, "mx1.example.com");
  return flood_run(scale, "flood.example", &sample.entry);
}

#endif
