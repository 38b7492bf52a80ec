/* What is left of a damaged cache. */
#include "salvage.h"

#include "damage.h"
#include "tree_check.h"

const char *const unit_name = "cache/salvage";

enum {
  PAGE = 4096
};

static void forget_aside(const char *path) {
  char file[PATH_SIZE];
  file_path(file, path, MTASTS_FILE_DAMAGED);
  CU_ASSERT_EQUAL(unlink(file), 0);
}

static void spoil_page(const char *path, off_t page) {
  char file[PATH_SIZE];
  unsigned char garbage[PAGE - 16];
  for (size_t i = 0; i < sizeof garbage; i++)
    garbage[i] = (unsigned char)(i * 2654435761U >> 11);
  file_path(file, path, "data.mdb");
  int fd = open(file, O_WRONLY | O_CLOEXEC);
  CU_ASSERT_EQUAL(pwrite(fd, garbage, sizeof garbage, page * PAGE + 12), sizeof garbage);
  close(fd);
}

/* Whichever page is damaged, all but what it held is there, as it was. */
static void test_one_page(void) {
  char path[32];
  off_t pages = make_cache(path) / PAGE;
  directory_free(path);
  for (off_t page = 0; page < pages; page++) {
    struct mtasts_store *store = NULL;
    struct mtasts_salvaged salvaged;
    make_cache(path);
    spoil_page(path, page);
    enum mtasts_status status =
        mtasts_cache_recover(path, &mtasts_store_defaults, NOW, &store, &salvaged);
    unit_check(status == MTASTS_OK && salvaged.status == MTASTS_OK, "page %jd", (intmax_t)page);
    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
    unit_check(stats.entries + 30 > POLICIES && stats.entries <= POLICIES + 1, "page %jd: %ju left",
               (intmax_t)page, (uintmax_t)stats.entries);
    CU_ASSERT_EQUAL(stats.corrupt, 0);
    mtasts_store_close(store);
    CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
    forget_aside(path);
    directory_free(path);
  }
}

/* What was before, in pages that are free, does not come back. */
static void test_nothing_old(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_salvaged salvaged;
  struct mtasts_domain key;
  make_cache(path);
  struct mtasts_store *store = store_open(path);
  for (int i = 0; i < POLICIES; i++) {
    key = domain("p%d.example", i);
    if (i % 2) {
      CU_ASSERT_EQUAL(mtasts_store_remove(store, &key), MTASTS_OK);
    } else {
      store_put(store, key.name, policy(&sample, "2"));
    }
  }
  mtasts_store_close(store);
  CU_ASSERT_EQUAL(mtasts_cache_recover(path, &mtasts_store_defaults, NOW, &store, &salvaged),
                  MTASTS_OK);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).policies, POLICIES / 2);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "p0.example", &entry), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(entry.policy_id, "2");
  mtasts_store_close(store);
  forget_aside(path);
  directory_free(path);
}

/* Of two that are there, the one that was looked up last. */
static void test_newer_stays(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_domain key = domain("a.example");
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  for (int flushed = 0; flushed < 2; flushed++) {
    store_put(store, "a.example", policy(&sample, "new"));
    if (flushed)
      CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
    (void)policy(&sample, "old");
    sample.entry.checked = NOW - 100;
    CU_ASSERT_EQUAL(mtasts_store_put_older(store, &key, &sample.entry, NOW), MTASTS_OK);
    CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
    CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "a.example", &entry), MTASTS_OK);
    CU_ASSERT_STRING_EQUAL(entry.policy_id, "new");
  }
  mtasts_store_close(store);
  directory_free(path);
}

/* Of garbage nothing is left, and that is no failure. */
static void test_garbage(void) {
  char path[32];
  struct mtasts_store *store;
  struct mtasts_salvaged salvaged;
  off_t pages = make_cache(path) / PAGE;
  for (off_t page = 0; page < pages; page++)
    spoil_page(path, page);
  CU_ASSERT_EQUAL_FATAL(mtasts_cache_recover(path, &mtasts_store_defaults, NOW, &store, &salvaged),
                        MTASTS_OK);
  CU_ASSERT_EQUAL(salvaged.domains, 0);
  CU_ASSERT(salvaged.damaged > 0);
  mtasts_store_close(store);
  forget_aside(path);
  directory_free(path);
}

/* A process that dies between renaming the file and the end leaves a sound cache with a part of the
 * domains. The next start goes on. */
static void test_interrupted(void) {
  char path[32];
  char mark[PATH_SIZE];
  struct sample sample;
  struct mtasts_salvaged salvaged;
  make_cache(path);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(path, NULL, NULL), MTASTS_OK);
  file_path(mark, path, "salvage");
  close(open(mark, O_CREAT | O_WRONLY | O_CLOEXEC, 0640));
  struct mtasts_store *store = store_open(path);
  store_put(store, "p1.example", policy(&sample, "newer"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT_TRUE(mtasts_cache_recover_rest(path, store, NOW, &salvaged));
  CU_ASSERT_EQUAL(salvaged.status, MTASTS_OK);
  CU_ASSERT_TRUE(count(mtasts_store_cache(store)).policies >= POLICIES);
  CU_ASSERT_FALSE(mtasts_cache_recover_rest(path, store, NOW, &salvaged));
  mtasts_store_close(store);
  forget_aside(path);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"one damaged page costs what it held", test_one_page},
    {"what was replaced or removed does not come back", test_nothing_old},
    {"of two the newer one", test_newer_stays},
    {"garbage", test_garbage},
    {"one that was interrupted is taken up again", test_interrupted},
    {NULL, NULL},
};
