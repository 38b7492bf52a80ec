#include "cache_location.h"

#include "../cache/fixture.h"

const char *const unit_name = "daemon/cache_location";

static void moved_and_back(void) {
  char path[32];
  char away[40];
  struct mtasts_cache_location location;
  directory_new(path);
  snprintf(away, sizeof away, "%s.away", path);
  mtasts_store_close(store_open(path));
  mtasts_cache_location_set(&location, path, NULL);
  mtasts_cache_location_check(&location);
  CU_ASSERT_FALSE(location.lost);
  CU_ASSERT_EQUAL_FATAL(rename(path, away), 0);
  mtasts_cache_location_check(&location);
  CU_ASSERT_TRUE(location.lost);
  /* Another cache in its place is not the one that is open. */
  CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
  mtasts_store_close(store_open(path));
  mtasts_cache_location_check(&location);
  CU_ASSERT_TRUE(location.lost);
  directory_free(path);
  CU_ASSERT_EQUAL_FATAL(rename(away, path), 0);
  mtasts_cache_location_check(&location);
  CU_ASSERT_FALSE(location.lost);
  directory_free(path);
  mtasts_cache_location_check(&location);
  CU_ASSERT_TRUE(location.lost);
}

static void nothing_was_noted(void) {
  struct mtasts_cache_location location = {0};
  mtasts_cache_location_check(&location);
  CU_ASSERT_FALSE(location.lost);
  mtasts_cache_location_set(&location, "/nonexistent", NULL);
  mtasts_cache_location_check(&location);
  CU_ASSERT_FALSE(location.lost);
}

/* mtastsd itself puts another file there, if the check finds the first one damaged. */
static void replaced_by_us(void) {
  char path[32];
  char file[PATH_SIZE];
  struct mtasts_cache_location location;
  atomic_uint replaced = 0;
  directory_new(path);
  mtasts_store_close(store_open(path));
  mtasts_cache_location_set(&location, path, &replaced);
  file_path(file, path, "data.mdb");
  char old[PATH_SIZE];
  file_path(old, path, "data.new");
  CU_ASSERT_EQUAL(rename(file, old), 0); /* it stays there: the inode is not used again */
  atomic_fetch_add(&replaced, 1);
  mtasts_cache_location_check(&location);
  CU_ASSERT_FALSE(location.lost);
  int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  CU_ASSERT(fd >= 0);
  close(fd);
  atomic_fetch_add(&replaced, 1);
  mtasts_cache_location_check(&location);
  CU_ASSERT_FALSE(location.lost);
  CU_ASSERT_EQUAL(unlink(file), 0);
  mtasts_cache_location_check(&location);
  CU_ASSERT_TRUE(location.lost);
  directory_free(path);
}

const struct unit_test unit_tests[] = {{"renamed, replaced, back, removed", moved_and_back},
                                       {"nothing was noted", nothing_was_noted},
                                       {"replaced by ourselves", replaced_by_us},
                                       {NULL, NULL}};
