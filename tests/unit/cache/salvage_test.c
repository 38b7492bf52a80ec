/* What is left of a damaged cache. */
#include "salvage.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "damage.h"
#include "files.h"
#include "tree_check.h"

const char *const unit_name = "cache/salvage";

enum {
  PAGE = 4096
};

static bool disk_fails; /* writes of LMDB's, which are to files that are open for a store */

/* LMDB finds this one before libc's. */
__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *bytes, size_t size,
                                                      off_t at) {
  if (disk_fails) {
    errno = EIO;
    return -1;
  }
  return syscall(SYS_pwrite64, fd, bytes, size, at);
}

__attribute__((visibility("default"))) ssize_t pwritev(int fd, const struct iovec *parts, int count,
                                                       off_t at) {
  if (disk_fails) {
    errno = EIO;
    return -1;
  }
  return syscall(SYS_pwritev, fd, parts, count, at, 0);
}

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

/* Removes files of that name with a time; returns how many there were. */
static unsigned take_dated(const char *path) {
  static const char dated[] = MTASTS_FILE_DAMAGED "-";
  char file[PATH_SIZE];
  unsigned count = 0;
  DIR *list = opendir(path);
  for (struct dirent *entry; (entry = readdir(list));)
    if (strncmp(entry->d_name, dated, sizeof dated - 1) == 0) {
      file_path(file, path, entry->d_name);
      CU_ASSERT_EQUAL(unlink(file), 0);
      count++;
    }
  closedir(list);
  return count;
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

/* Of two that are there, the one that was looked up last; in the same second, the one of the new
 * file. What is to be removed stays so. */
static void test_newer_stays(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_domain key;
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  for (int i = 0; i < 4; i++) {
    key = domain("d%d.example", i);
    store_put(store, key.name, policy(&sample, "new"));
    if (i % 2)
      CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
    (void)policy(&sample, "old");
    sample.entry.checked = i < 2 ? NOW - 100 : NOW;
    CU_ASSERT_EQUAL(mtasts_store_put_older(store, &key, &sample.entry, NOW), MTASTS_OK);
    CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
    CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), key.name, &entry), MTASTS_OK);
    CU_ASSERT_STRING_EQUAL(entry.policy_id, "new");
  }
  CU_ASSERT_EQUAL(mtasts_store_drop(store, &key), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_put_older(store, &key, &sample.entry, NOW), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), key.name, &entry), MTASTS_ABSENT);
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
 * domains, or none. The next start goes on, even if no mark could be set before. */
static void test_interrupted(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_salvaged salvaged;
  struct mtasts_domain removed = domain("p2.example");
  make_cache(path);
  CU_ASSERT_FALSE(mtasts_salvage_marked(path));
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(path, NULL), MTASTS_OK);
  CU_ASSERT_TRUE(mtasts_salvage_marked(path));
  for (int start = 0; start < 2; start++) {
    struct mtasts_store *store = store_open(path);
    CU_ASSERT_TRUE(mtasts_store_salvaging(store));
    CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "p1.example", &entry), MTASTS_OK);
    CU_ASSERT_EQUAL(mtasts_store_remove(store, &removed), MTASTS_LOCKED);
    store_put(store, "p1.example", policy(&sample, "newer"));
    mtasts_store_close(store);
  }
  struct mtasts_store *store = store_open(path);
  CU_ASSERT_TRUE(mtasts_cache_recover_rest(path, store, NOW, &salvaged));
  CU_ASSERT_EQUAL(salvaged.status, MTASTS_OK);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).policies, POLICIES);
  /* It was stored in the second in which the old one was looked up. */
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "p1.example", &entry), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(entry.policy_id, "newer");
  CU_ASSERT_FALSE(mtasts_cache_recover_rest(path, store, NOW, &salvaged));
  CU_ASSERT_EQUAL(mtasts_store_remove(store, &removed), MTASTS_OK);
  mtasts_store_close(store);
  store = store_open(path);
  CU_ASSERT_FALSE(mtasts_store_salvaging(store));
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), removed.name, &entry), MTASTS_ABSENT);
  mtasts_store_close(store);
  forget_aside(path);
  directory_free(path);
}

/* Without the mark no data.mdb is made, so that nothing is forgotten. */
static void test_no_mark(void) {
  char path[32];
  char mark[PATH_SIZE];
  char file[PATH_SIZE];
  struct mtasts_store *store = NULL;
  make_cache(path);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(path, NULL), MTASTS_OK);
  file_path(mark, path, MTASTS_FILE_SALVAGE);
  file_path(file, path, MTASTS_FILE_DATA);
  CU_ASSERT_EQUAL(mkdir(mark, 0700), 0);
  CU_ASSERT_NOT_EQUAL(mtasts_store_open(path, &mtasts_store_defaults, &store), MTASTS_OK);
  CU_ASSERT_NOT_EQUAL(access(file, F_OK), 0);
  CU_ASSERT_EQUAL(rmdir(mark), 0);
  store = store_open(path);
  CU_ASSERT_TRUE(mtasts_store_salvaging(store));
  mtasts_store_close(store);
  CU_ASSERT_EQUAL(unlink(mark), 0);
  forget_aside(path);
  directory_free(path);
}

/* What an administrator has cleared is not salvaged. */
static void test_cleared(void) {
  char path[32];
  uint64_t removed;
  make_cache(path);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(path, NULL), MTASTS_OK);
  struct mtasts_store *store = store_open(path);
  CU_ASSERT_EQUAL(mtasts_store_clear(store, &removed), MTASTS_OK);
  CU_ASSERT_FALSE(mtasts_store_salvaging(store));
  mtasts_store_close(store);
  CU_ASSERT_FALSE(mtasts_salvage_marked(path));
  forget_aside(path);
  directory_free(path);
}

/* The new file is damaged before the old one is salvaged in full: the old one has more domains. */
static void test_damaged_again(void) {
  char path[32];
  struct mtasts_store *store;
  struct mtasts_salvaged salvaged;
  make_cache(path);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(path, NULL), MTASTS_OK);
  mtasts_store_close(store_open(path));
  for (off_t page = 0; page < 3; page++)
    spoil_page(path, page);
  CU_ASSERT_EQUAL_FATAL(mtasts_cache_recover(path, &mtasts_store_defaults, NOW, &store, &salvaged),
                        MTASTS_OK);
  CU_ASSERT_EQUAL(salvaged.domains, POLICIES + 1);
  mtasts_store_close(store);
  CU_ASSERT_EQUAL(take_dated(path), 1);
  forget_aside(path);
  directory_free(path);
}

/* A clock that is a year ahead shows each policy as expired long ago. It may be wrong. */
static void test_clock_ahead(void) {
  char path[32];
  struct mtasts_store *store;
  struct mtasts_salvaged salvaged;
  make_cache(path);
  CU_ASSERT_EQUAL_FATAL(
      mtasts_cache_recover(path, &mtasts_store_defaults, NOW + 366 * 86400, &store, &salvaged),
      MTASTS_OK);
  CU_ASSERT_EQUAL(salvaged.domains, POLICIES);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).policies, POLICIES);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).absent, 0);
  mtasts_store_close(store);
  forget_aside(path);
  directory_free(path);
}

/* The disk fails for a while: the salvage goes on with the page at which it failed. */
static void test_failed_write(void) {
  char path[32];
  unsigned failed = 0;
  make_cache(path);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(path, NULL), MTASTS_OK);
  struct mtasts_store *store = store_open(path);
  int fd = mtasts_salvage_open(path);
  struct mtasts_salvage *salvage = mtasts_salvage_begin(fd, store, NOW);
  CU_ASSERT_PTR_NOT_NULL_FATAL(salvage);
  for (unsigned step = 0;; step++) {
    disk_fails = step % 3 > 0;
    if (mtasts_salvage_step(salvage, 4))
      continue;
    if (!mtasts_salvage_failed(salvage))
      break;
    failed++;
    CU_ASSERT_FATAL(failed < 1000);
  }
  disk_fails = false;
  unit_check(failed > 1, "%u failures", failed);
  CU_ASSERT_EQUAL(mtasts_salvage_end(salvage).status, MTASTS_OK);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).policies, POLICIES);
  close(fd);
  CU_ASSERT_EQUAL(mtasts_salvage_unmark(path), 0);
  mtasts_store_close(store);
  forget_aside(path);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"one damaged page costs what it held", test_one_page},
    {"what was replaced or removed does not come back", test_nothing_old},
    {"of two the newer one", test_newer_stays},
    {"garbage", test_garbage},
    {"one that was interrupted is continued", test_interrupted},
    {"without its mark no new file is made", test_no_mark},
    {"what was cleared does not come back", test_cleared},
    {"the new file is damaged as well", test_damaged_again},
    {"a clock that is ahead costs no policy", test_clock_ahead},
    {"a disk that fails for a while costs no domain", test_failed_write},
    {NULL, NULL},
};
