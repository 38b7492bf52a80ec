/* Walks, counts and sweeps through pages that are damaged: each in a child, which a signal would
 * kill. */
#include "damage.h"

#include "tree_check.h"

const char *const unit_name = "cache/walk_damage";

static int count_all(void *path) {
  struct mtasts_cache *cache;
  struct mtasts_cache_stats stats;
  enum mtasts_status status = mtasts_cache_open(path, &cache);
  if (status == MTASTS_OK)
    status = mtasts_cache_count(cache, NOW, &stats);
  return (int)status;
}

static int sweep_all(void *path) {
  uint64_t removed;
  struct mtasts_store *store;
  enum mtasts_status status = mtasts_store_open(path, &mtasts_store_defaults, &store);
  if (status == MTASTS_OK)
    status = mtasts_store_expire(store, NOW, &removed);
  return (int)status;
}

/* Gives one key of each full leaf this size: that of the node with the most bytes after it. */
static void lengthen_keys(const char *file, uint16_t size) {
  _Alignas(8) unsigned char page[4096];
  unsigned changed = 0;
  int fd = open(file, O_RDWR | O_CLOEXEC);
  for (off_t at = 2 * 4096; pread(fd, page, sizeof page, at) == sizeof page; at += 4096) {
    if (*field(page, 10) != 0x02 || *field(page, 12) < 16 + 8 * 2)
      continue;
    *field(page, *field(page, 14) + 6U) = size;
    changed++;
    CU_ASSERT_EQUAL(pwrite(fd, page, sizeof page, at), sizeof page);
  }
  CU_ASSERT(changed > 10);
  close(fd);
}

/* Also if the pages were not checked, as in a file that is too long for that. */
static void test_long_key(void) {
  char path[32];
  char file[PATH_SIZE];
  make_cache(path);
  file_path(file, path, "data.mdb");
  lengthen_keys(file, MTASTS_LMDB_KEY_MAX + 90);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(in_child(walk_all, path), MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(in_child(count_all, path), MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(in_child(sweep_all, path), MTASTS_CORRUPT);
  directory_free(path);
}

/* Two pages that a branch has in the wrong order: each is sound. */
static void exchange_children(const char *file) {
  _Alignas(8) unsigned char page[4096];
  unsigned char child[6];
  unsigned changed = 0;
  int fd = open(file, O_RDWR | O_CLOEXEC);
  for (off_t at = 2 * 4096; pread(fd, page, sizeof page, at) == sizeof page; at += 4096) {
    if (*field(page, 10) != 0x01 || *field(page, 12) < 16 + 4 * 2)
      continue;
    unsigned char *second = page + *field(page, 18);
    unsigned char *third = page + *field(page, 20);
    memcpy(child, second, sizeof child);
    memcpy(second, third, sizeof child);
    memcpy(third, child, sizeof child);
    changed++;
    CU_ASSERT_EQUAL(pwrite(fd, page, sizeof page, at), sizeof page);
  }
  CU_ASSERT(changed > 0);
  close(fd);
}

static void test_wrong_order(void) {
  char path[32];
  char file[PATH_SIZE];
  make_cache(path);
  file_path(file, path, "data.mdb");
  exchange_children(file);
  CU_ASSERT_EQUAL(in_child(walk_all, path), MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(in_child(count_all, path), MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(in_child(sweep_all, path), MTASTS_CORRUPT);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"a key longer than any ends a walk", test_long_key},
    {"pages in the wrong order end a walk", test_wrong_order},
    {NULL, NULL},
};
