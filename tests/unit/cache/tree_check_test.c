/* Whatever is done to a cache in order, the check finds nothing in it; what LMDB would die of, it
 * finds. That it finds enough is the fuzz target's to show (tests/fuzz/cache/tree_fuzz.c). */
#include "tree_check.h"

#include "damage.h"
#include "fixture.h"
#include "meta_page.h"

const char *const unit_name = "cache/tree_check";

enum {
  DOMAINS = 400,
  ROUNDS = 40,
  CHANGES = 200, /* in a round */
  PATTERNS_MAX = 300,
};

static uint32_t state = 1;

static uint32_t random_below(uint32_t max) {
  state = state * 1664525 + 1013904223;
  return (state >> 8) % max;
}

/* A policy of any size, up to many overflow pages. */
static const struct mtasts_entry *random_policy(void) {
  static unsigned char patterns[PATTERNS_MAX * 32];
  static struct sample sample;
  struct mtasts_entry *entry = &sample.entry;
  (void)policy(&sample, "1");
  size_t count = 1 + random_below(random_below(8) == 0 ? PATTERNS_MAX : 4);
  entry->policy.mx = (struct mtasts_names){patterns, 0, count};
  for (size_t i = 0; i < count; i++) {
    char name[32];
    snprintf(name, sizeof name, "mx%zu.%u.example", i, random_below(100000));
    entry->policy.mx.size += pack(patterns + entry->policy.mx.size, name);
  }
  return entry;
}

static void change_some(struct mtasts_store *store) {
  struct sample sample;
  uint64_t removed;
  for (int i = 0; i < CHANGES; i++) {
    struct mtasts_domain key = domain("d%u.example", random_below(DOMAINS));
    switch (random_below(6)) {
    case 0:
      (void)mtasts_store_remove(store, &key);
      break;
    case 1:
      (void)mtasts_store_put(store, &key, absent(&sample), NOW);
      break;
    case 2:
      (void)mtasts_store_flush(store);
      break;
    default:
      CU_ASSERT_EQUAL(mtasts_store_put(store, &key, random_policy(), NOW), MTASTS_OK);
    }
  }
  if (random_below(10) == 0)
    CU_ASSERT_EQUAL(mtasts_store_clear(store, &removed), MTASTS_OK);
}

struct round {
  const char *path;
  uint32_t seed;
};

/* Killed in the middle, as far as the file goes. */
static int change_and_die(void *context) {
  const struct round *round = context;
  struct mtasts_store *store;
  state = round->seed;
  if (mtasts_store_open(round->path, &mtasts_store_defaults, &store) != MTASTS_OK)
    return 1;
  change_some(store);
  return 0;
}

static void test_sound(void) {
  char path[32];
  uint64_t before, after;
  directory_new(path);
  for (uint32_t i = 0; i < ROUNDS; i++) {
    struct round round = {path, 1000 + i};
    if (i % 3 == 2) {
      CU_ASSERT_EQUAL(in_child(change_and_die, &round), 0);
      unit_check(mtasts_tree_check(path) == MTASTS_OK, "killed in round %u", i);
      continue;
    }
    struct mtasts_store *store = store_open(path);
    change_some(store);
    if (i % 5 == 4)
      CU_ASSERT_EQUAL(mtasts_store_compact(store, &before, &after), MTASTS_OK);
    unit_check(mtasts_tree_check(path) == MTASTS_OK, "open in round %u", i);
    mtasts_store_close(store);
    unit_check(mtasts_tree_check(path) == MTASTS_OK, "round %u", i);
  }
  directory_free(path);
}

/* The first page in use that has this kind, of a cache with free pages. */
static off_t find_page(int fd, off_t size, uint16_t flags) {
  unsigned char page[16];
  for (off_t at = 2 * 4096; at < size; at += 4096)
    if (pread(fd, page, sizeof page, at) == sizeof page && *field(page, 10) == flags &&
        *field(page, 0) == at / 4096)
      return at;
  return 0;
}

static bool finds(const char *path, int fd, off_t at, uint64_t value, size_t size) {
  uint64_t was = 0;
  CU_ASSERT_EQUAL(pread(fd, &was, size, at), (ssize_t)size);
  CU_ASSERT_EQUAL(pwrite(fd, &value, size, at), (ssize_t)size);
  bool found = mtasts_tree_check(path) == MTASTS_CORRUPT;
  CU_ASSERT_EQUAL(pwrite(fd, &was, size, at), (ssize_t)size);
  return found;
}

/* Flags that LMDB keeps for pages in memory; a page that is used and free; counts of a tree. */
static void test_found(void) {
  char path[32];
  char file[PATH_SIZE];
  struct mtasts_data_trees trees;
  off_t size = make_cache(path);
  file_path(file, path, "data.mdb");
  int fd = open(file, O_RDWR | O_CLOEXEC);
  CU_ASSERT_FATAL(fd >= 0 && mtasts_data_trees(fd, &trees) == 0);
  off_t root = (off_t)trees.main.root * 4096;
  CU_ASSERT(find_page(fd, size, 2) != 0);
  for (int bit = 3; bit < 16; bit++)
    unit_check(finds(path, fd, root + 10, 2U | 1U << bit, 2), "bit %d of the flags", bit);
  off_t meta = trees.transaction % 2 == 0 ? 0 : 4096;
  for (off_t at = 96; at < 128; at += 8) /* branch, leaf and overflow pages, entries */
    unit_check(finds(path, fd, meta + at, 77, 8), "a count at %jd", (intmax_t)at);
  unit_check(finds(path, fd, meta + 94, 7, 2), "the depth");
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
  /* The list of free pages names the root of the others: at the end of the leaf that holds it. */
  unsigned char page[4096];
  off_t list = (off_t)trees.free.root * 4096;
  CU_ASSERT_EQUAL(pread(fd, page, sizeof page, list), sizeof page);
  uint16_t node = *field(page, 16);
  CU_ASSERT(finds(path, fd, list + node + 8 + 8 + 8, trees.main.root, 8));
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
  close(fd);
  directory_free(path);
}

/* A file of more than a gibibyte, most of it a hole, with meta pages that agree. */
static void test_large(void) {
  const uint64_t last = (3ULL << 30) / 4096;
  char path[32];
  char file[PATH_SIZE];
  struct mtasts_data_trees trees;
  make_cache(path);
  file_path(file, path, "data.mdb");
  int fd = open(file, O_RDWR | O_CLOEXEC);
  CU_ASSERT_EQUAL_FATAL(ftruncate(fd, (off_t)(last + 1) * 4096), 0);
  for (off_t meta = 0; meta <= 4096; meta += 4096)
    CU_ASSERT_EQUAL(pwrite(fd, &last, sizeof last, meta + 136), sizeof last);
  CU_ASSERT_FATAL(mtasts_data_trees(fd, &trees) == 0 && trees.last_page == last);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
  CU_ASSERT(finds(path, fd, (off_t)trees.main.root * 4096 + 10, 1, 2));
  close(fd);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"nothing is found in a sound cache, whatever was done to it", test_sound},
    {"flags, counts and free pages that LMDB would die of", test_found},
    {"a file of any length", test_large},
    {NULL, NULL},
};
