/*
 * Floods at full size (tests/unit/cache/flood.h), and how long one eviction at a million policies
 * stops the writer. Look-ups wait meanwhile; answers from the cache do not.
 */
#include "../unit/cache/flood.h"
#include "figure.h"

const char *const unit_name = "bench/flood";

enum {
  MILLION = 1000000,
  EVICTION_MOST = 600, /* milliseconds of CPU */
  ROUNDS = 3,
};

static void show(const char *what, const struct flood_result *result) {
  printf("%s: %d policies lost, %d popular names lost, %d updates not written, %d of the flood "
         "left; longest call %.0f ms CPU\n",
         what, result->honest_lost, result->popular_lost, result->not_updated, result->left,
         1000 * result->longest);
  char lost[64];
  snprintf(lost, sizeof lost, "%d, %d", result->honest_lost + result->popular_lost,
           result->not_updated);
  char label[160];
  snprintf(label, sizeof label, "%s: lost, updates not written", what);
  CU_ASSERT(figure("floods", label, "", "0, 0", lost, strcmp(lost, "0, 0") == 0));
  CU_ASSERT(result->left > 0);
}

static void test_junk(void) {
  const struct flood_scale scale = {.honest = 100000,
                                    .popular = 50000,
                                    .flood = MILLION,
                                    .map = 1ULL << 30,
                                    .max_absent = 500000};
  struct flood_result result = flood_of_junk(&scale);
  show("a million junk domains over 100000 policies and 50000 popular names", &result);
}

static void test_bytes(void) {
  const struct flood_scale scale = {
      .honest = 100000, .flood = 20000, .map = 512 << 20, .max_absent = MILLION};
  struct flood_result result = flood_of_bytes(&scale);
  show("20000 policies of 64 KiB of one domain over 100000 policies in 512 MiB", &result);
}

static bool every_second(void *context, const struct mtasts_domain *key) {
  (void)context;
  return key->name[key->len - sizeof "0.example" + 1] % 2 == 0;
}

static bool everyone(void *context, const struct mtasts_domain *key) {
  (void)context;
  return key->len > 0;
}

/* The quota is reached, and in each round as many more come as one eviction makes room for. */
static void time_eviction(const char *what, const struct mtasts_entry *entry,
                          bool (*in_use)(void *context, const struct mtasts_domain *key)) {
  char path[32];
  struct mtasts_store *store = NULL;
  struct mtasts_store_options options = mtasts_store_defaults;
  options.max_policies = options.max_absent = MILLION;
  options.in_use = in_use;
  directory_new(path);
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  for (int i = 0; i < MILLION; i++)
    store_put(store, domain("site%d.example", i).name, entry);
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).entries, MILLION);
  double least = 1e9;
  for (int round = 0; round < ROUNDS; round++) {
    struct flood_result result = {.longest = 0};
    for (int i = 0; i <= MILLION / 64; i++) {
      struct mtasts_domain key = domain("more%d-%d.example", round, i);
      flood_put(store, &key, entry, &result);
    }
    flood_flush(store, &result);
    least = 1000 * result.longest < least ? 1000 * result.longest : least;
  }
  printf("one eviction at a million %s: %.0f ms CPU (limit %d), least of %d\n", what, least,
         EVICTION_MOST, ROUNDS);
  char label[96];
  snprintf(label, sizeof label, "one eviction at a million %s: CPU", what);
  CU_ASSERT(
      figure_at_most("floods", label, "", (struct figure_number){least, EVICTION_MOST, 0, "ms"}));
  struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
  CU_ASSERT(stats.entries <= MILLION && stats.entries > MILLION / 10 * 9);
  mtasts_store_close(store);
  directory_free(path);
}

static void test_evictions(void) {
  struct sample sample;
  time_eviction("policies, nothing known of use", policy(&sample, "1"), NULL);
  time_eviction("policies, half of them in use", &sample.entry, every_second);
  time_eviction("policies, all in use", &sample.entry, everyone);
  time_eviction("absent entries, all in use", absent(&sample), everyone);
}

const struct unit_test unit_tests[] = {
    {"junk", test_junk},
    {"bytes", test_bytes},
    {"evictions", test_evictions},
    {NULL, NULL},
};
