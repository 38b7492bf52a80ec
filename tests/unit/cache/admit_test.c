/* A store whose file is still to be checked: it is read, and nothing is written; then it is
 * admitted, or another file takes its place. */
#include <errno.h>

#include "damage.h"
#include "salvage.h"
#include "tree_check.h"

const char *const unit_name = "cache/admit";

enum {
  PAGE = 4096,
};

static struct mtasts_store *open_unchecked(const char *path) {
  struct mtasts_store_options options = mtasts_store_defaults;
  struct mtasts_store *store = NULL;
  options.unchecked = true;
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  CU_ASSERT(mtasts_cache_waits(mtasts_store_cache(store)));
  return store;
}

static void test_waits(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_reader *reader;
  struct mtasts_domain key = domain("p1.example");
  struct mtasts_domain new_key = domain("new.example");
  uint64_t removed;
  make_cache(path);
  struct mtasts_store *store = open_unchecked(path);
  struct mtasts_cache *cache = mtasts_store_cache(store);
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(cache, &reader), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_reader_get(reader, &key, &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_reader_get(reader, &new_key, &entry), MTASTS_ABSENT);
  store_put(store, new_key.name, policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_LOCKED);
  CU_ASSERT_EQUAL(mtasts_store_expire(store, NOW, &removed), MTASTS_LOCKED);
  CU_ASSERT_EQUAL(mtasts_store_clear(store, &removed), MTASTS_LOCKED);
  CU_ASSERT_EQUAL(mtasts_store_pending(store), 1);
  CU_ASSERT(mtasts_cache_waits(cache)); /* nothing of that has opened it */
  CU_ASSERT_EQUAL(mtasts_store_admit(store), MTASTS_OK);
  CU_ASSERT(!mtasts_cache_waits(cache));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_reader_get(reader, &key, &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_reader_get(reader, &new_key, &entry), MTASTS_OK);
  mtasts_reader_free(reader);
  mtasts_store_close(store);
  directory_free(path);
}

/* It ends before it was checked: no clean-shutdown mark says that it was. */
static void test_closed_before(void) {
  char path[32];
  char file[PATH_SIZE];
  struct stat lock;
  make_cache(path);
  mtasts_store_close(open_unchecked(path));
  file_path(file, path, "writer.lock");
  CU_ASSERT(stat(file, &lock) == 0 && lock.st_size == 0);
  directory_free(path);
}

static void spoil_page(const char *path, off_t page) {
  char file[PATH_SIZE];
  const unsigned char garbage[64] = {0x41, 0x42};
  file_path(file, path, "data.mdb");
  int fd = open(file, O_WRONLY | O_CLOEXEC);
  CU_ASSERT_EQUAL(pwrite(fd, garbage, sizeof garbage, page * PAGE + 12), sizeof garbage);
  close(fd);
}

/* Whichever page is damaged: reading is safe, and the salvage goes on in steps under a reader and a
 * writer, whose newer word stays. */
static void test_damaged(void) {
  char path[32];
  off_t pages = make_cache(path) / PAGE;
  directory_free(path);
  for (off_t page = 2; page < pages; page++) {
    struct sample sample;
    struct mtasts_entry entry;
    struct mtasts_reader *reader;
    struct mtasts_domain key = domain("p1.example");
    make_cache(path);
    spoil_page(path, page);
    struct mtasts_store *store = open_unchecked(path);
    CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(mtasts_store_cache(store), &reader), MTASTS_OK);
    (void)mtasts_reader_get(reader, &key, &entry);
    CU_ASSERT_EQUAL_FATAL(mtasts_store_replace(store), MTASTS_OK);
    int fd = mtasts_salvage_open(path);
    CU_ASSERT_FATAL(fd >= 0);
    /* A domain that is not in the new file yet is found in the old one or is unknown, but never
     * absent. */
    for (int i = 0; i < POLICIES; i += 7) {
      struct mtasts_domain other = domain("p%d.example", i);
      enum mtasts_status status = mtasts_reader_get(reader, &other, &entry);
      unit_check(status == MTASTS_OK || status == MTASTS_IO, "page %jd: %s is %s", (intmax_t)page,
                 other.name, mtasts_status_name(status));
    }
    struct mtasts_entry newer = *policy(&sample, "2");
    newer.checked = NOW + 1;
    store_put(store, key.name, &newer);
    struct mtasts_salvage *salvage = mtasts_salvage_begin(fd, store, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(salvage);
    unsigned steps = 0;
    while (mtasts_salvage_step(salvage, 1))
      steps++;
    struct mtasts_salvaged salvaged = mtasts_salvage_end(salvage);
    mtasts_store_set_salvaging(store, false);
    CU_ASSERT_EQUAL(mtasts_salvage_unmark(path), 0);
    close(fd);
    unit_check(salvaged.status == MTASTS_OK && steps + 3 >= (unsigned)pages, "page %jd: %u steps",
               (intmax_t)page, steps);
    struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
    unit_check(stats.entries + 30 > POLICIES, "page %jd: %ju left", (intmax_t)page,
               (uintmax_t)stats.entries);
    CU_ASSERT_EQUAL(mtasts_reader_get(reader, &key, &entry), MTASTS_OK);
    CU_ASSERT_STRING_EQUAL(entry.policy_id, "2");
    mtasts_reader_free(reader);
    mtasts_store_close(store);
    CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
    char file[PATH_SIZE];
    file_path(file, path, MTASTS_FILE_DAMAGED);
    CU_ASSERT_EQUAL(unlink(file), 0);
    directory_free(path);
  }
}

/* The new file cannot be made at first, for instance on a full disk. Meanwhile no domain is absent,
 * and once it can be made, the salvage has the whole old file. */
static void test_replaced_later(void) {
  char path[32];
  char new[PATH_SIZE];
  char file[PATH_SIZE];
  struct mtasts_entry entry;
  struct mtasts_reader *reader;
  struct mtasts_salvaged salvaged;
  struct mtasts_domain key = domain("p1.example");
  struct mtasts_domain other = domain("other.example");
  make_cache(path);
  spoil_page(path, 2);
  struct mtasts_store *store = open_unchecked(path);
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(mtasts_store_cache(store), &reader), MTASTS_OK);
  file_path(new, path, "data.new");
  CU_ASSERT_EQUAL(mkdir(new, 0700), 0);
  for (int i = 0; i < 2; i++) {
    CU_ASSERT_NOT_EQUAL(mtasts_store_replace(store), MTASTS_OK);
    CU_ASSERT(mtasts_store_fails(store));
    CU_ASSERT(mtasts_salvage_marked(path));
    CU_ASSERT_EQUAL(mtasts_reader_get(reader, &key, &entry), MTASTS_IO);
    CU_ASSERT_NOT_EQUAL(mtasts_reader_get(reader, &other, &entry), MTASTS_OK);
    CU_ASSERT_EQUAL(mtasts_store_remove(store, &key), MTASTS_LOCKED);
  }
  CU_ASSERT_EQUAL(rmdir(new), 0);
  CU_ASSERT_EQUAL_FATAL(mtasts_store_replace(store), MTASTS_OK);
  CU_ASSERT(!mtasts_store_fails(store));
  CU_ASSERT_TRUE(mtasts_cache_recover_rest(path, store, NOW, &salvaged));
  CU_ASSERT_EQUAL(salvaged.status, MTASTS_OK);
  CU_ASSERT(salvaged.domains + 30 > POLICIES);
  CU_ASSERT(!mtasts_store_salvaging(store) && !mtasts_salvage_marked(path));
  mtasts_reader_free(reader);
  mtasts_store_close(store);
  file_path(file, path, MTASTS_FILE_DAMAGED);
  CU_ASSERT_EQUAL(unlink(file), 0);
  directory_free(path);
}

static void test_stopped(void) {
  char path[32];
  atomic_bool stop = true;
  make_cache(path);
  CU_ASSERT_EQUAL(mtasts_tree_check_until(path, &stop), MTASTS_TIMEOUT);
  atomic_store(&stop, false);
  CU_ASSERT_EQUAL(mtasts_tree_check_until(path, &stop), MTASTS_OK);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"it is read, and nothing is written", test_waits},
    {"closed before it was checked", test_closed_before},
    {"damaged: another file takes its place", test_damaged},
    {"damaged: another file takes its place later", test_replaced_later},
    {"a check that is stopped says nothing", test_stopped},
    {NULL, NULL},
};
