#include "cache_place.h"

#include "../cache/fixture.h"

const char *const unit_name = "daemon/cache_place";

static void moved_and_back(void) {
  char path[32];
  char away[40];
  struct mtasts_cache_place place;
  directory_new(path);
  snprintf(away, sizeof away, "%s.away", path);
  mtasts_store_close(store_open(path));
  mtasts_cache_place_note(&place, path);
  mtasts_cache_place_check(&place);
  CU_ASSERT_FALSE(place.lost);
  CU_ASSERT_EQUAL_FATAL(rename(path, away), 0);
  mtasts_cache_place_check(&place);
  CU_ASSERT_TRUE(place.lost);
  /* Another cache in its place is not the one that is open. */
  CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
  mtasts_store_close(store_open(path));
  mtasts_cache_place_check(&place);
  CU_ASSERT_TRUE(place.lost);
  directory_free(path);
  CU_ASSERT_EQUAL_FATAL(rename(away, path), 0);
  mtasts_cache_place_check(&place);
  CU_ASSERT_FALSE(place.lost);
  directory_free(path);
  mtasts_cache_place_check(&place);
  CU_ASSERT_TRUE(place.lost);
}

static void nothing_was_noted(void) {
  struct mtasts_cache_place place = {0};
  mtasts_cache_place_check(&place);
  CU_ASSERT_FALSE(place.lost);
  mtasts_cache_place_note(&place, "/nonexistent");
  mtasts_cache_place_check(&place);
  CU_ASSERT_FALSE(place.lost);
}

const struct unit_test unit_tests[] = {{"renamed, replaced, back, removed", moved_and_back},
                                       {"nothing was noted", nothing_was_noted},
                                       {NULL, NULL}};
