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

/* The same, where it is the map that is too small and not the quota. */
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

const struct unit_test unit_tests[] = {
    {"junk domains push out neither policies nor what is in use", test_junk},
    {"the same in a small map", test_junk_in_small_map},
    {"large policies of one organisational domain push out their own kind", test_bytes},
    {NULL, NULL},
};
