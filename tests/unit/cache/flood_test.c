/* Floods leave every policy in place that should stay. The bench does the same at full size. */
#include "flood.h"

const char *const unit_name = "cache/flood";

static void test_junk(void) {
  const struct flood_scale scale = {
      .honest = 2000, .popular = 500, .flood = 40000, .map = 64 << 20, .max_absent = 5000};
  struct flood_result result = flood_of_junk(&scale);
  CU_ASSERT_EQUAL(result.honest_lost, 0);
  CU_ASSERT_EQUAL(result.popular_lost, 0);
  CU_ASSERT_EQUAL(result.not_updated, 0);
  unit_check(result.left > 3000 && result.left <= 4500, "%d of the flood are left", result.left);
}

/* The same, but the map is too small, not the quota. */
static void test_junk_in_small_map(void) {
  const struct flood_scale scale = {
      .honest = 2000, .popular = 500, .flood = 40000, .map = 3 << 20, .max_absent = 1000000};
  struct flood_result result = flood_of_junk(&scale);
  CU_ASSERT_EQUAL(result.honest_lost, 0);
  CU_ASSERT_EQUAL(result.popular_lost, 0);
  CU_ASSERT_EQUAL(result.not_updated, 0);
  CU_ASSERT(result.left > 0);
}

static void test_bytes(void) {
  const struct flood_scale scale = {
      .honest = 5000, .flood = 2000, .map = 32 << 20, .max_absent = 1000};
  struct flood_result result = flood_of_bytes(&scale);
  CU_ASSERT_EQUAL(result.honest_lost, 0);
  CU_ASSERT_EQUAL(result.not_updated, 0);
  unit_check(result.left > 0 && result.left < 512, "%d of the flood are left", result.left);
}

/* So many organisational domains that some share a scale with the flood, from a to z so that each
 * eviction passes many of them. */
static void test_neighbours(void) {
  enum {
    HONEST = 120000,
    FLOOD = 20000,
    ROOM = 4000,
  };
  char path[32];
  struct sample sample;
  struct mtasts_store *store = NULL;
  struct mtasts_store_options options = mtasts_store_defaults;
  options.max_policies = HONEST + ROOM;
  directory_new(path);
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  policy(&sample, "1");
  for (int i = 0; i < HONEST; i++)
    store_put(store, domain("%c%d.example", 'a' + i % 26, i).name, &sample.entry);
  for (int i = 0; i < FLOOD; i++)
    store_put(store, domain("%c%d.flood.example", 'a' + i % 26, i).name, &sample.entry);
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  struct mtasts_reader *reader;
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(mtasts_store_cache(store), &reader), MTASTS_OK);
  unsigned lost = 0;
  for (int i = 0; i < HONEST; i++) {
    struct mtasts_domain key = domain("%c%d.example", 'a' + i % 26, i);
    struct mtasts_entry entry;
    lost += mtasts_reader_get(reader, &key, &entry) != MTASTS_OK;
  }
  unit_check(lost == 0, "%u honest policies were lost", lost);
  uint64_t policies = count(mtasts_store_cache(store)).policies;
  unit_check(policies <= HONEST + ROOM && policies > HONEST, "%u policies", (unsigned)policies);
  mtasts_reader_free(reader);
  mtasts_store_close(store);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"junk domains push out neither policies nor what is in use", test_junk},
    {"the same in a small map", test_junk_in_small_map},
    {"large policies of one organisational domain push out their own kind", test_bytes},
    {"a domain is not evicted because it shares a flood's scale", test_neighbours},
    {NULL, NULL},
};
