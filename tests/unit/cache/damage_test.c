/* A cache directory that is not as it should be: each case in a child, which a signal would kill.
 */
#include "damage.h"

#include "data_file.h"
#include "tree_check.h"

const char *const unit_name = "cache/damage";

/* Opens for reading and looks up everything; the worst status. */
static int read_all(void *path) {
  struct mtasts_cache *cache;
  struct mtasts_entry entry;
  enum mtasts_status status = mtasts_cache_open(path, &cache);
  if (status != MTASTS_OK)
    return (int)status;
  for (int i = 0; i < POLICIES && status == MTASTS_OK; i++)
    status = look_up(cache, domain("p%d.example", i).name, &entry);
  mtasts_cache_close(cache);
  return (int)status;
}

static void keep_sentence(void *context, const char *sentence) {
  snprintf(context, 256, "%s", sentence);
}

/* Opens for writing, and commits something if that succeeds. */
static int write_one(void *path) {
  char warned[256] = "";
  struct mtasts_store *store;
  struct sample sample;
  struct mtasts_store_options options = mtasts_store_defaults;
  options.warn = keep_sentence;
  options.context = warned;
  enum mtasts_status status = mtasts_store_open(path, &options, &store);
  if (status == MTASTS_CORRUPT && !strstr(warned, "move it away"))
    return 99;
  if (status != MTASTS_OK)
    return (int)status;
  struct mtasts_domain key = domain("new.example");
  mtasts_store_put(store, &key, policy(&sample, "1"), NOW);
  status = mtasts_store_flush(store);
  mtasts_store_close(store);
  return (int)status;
}

static void check_both(char *path, enum mtasts_status expected, const char *what) {
  int status = in_child(read_all, path);
  unit_check(status == (int)expected, "%s: reading gives %d", what, status);
  status = in_child(write_one, path);
  unit_check(status == (int)expected, "%s: writing gives %d", what, status);
}

static void test_truncated(void) {
  char path[32];
  char file[PATH_SIZE];
  off_t size = make_cache(path);
  file_path(file, path, "data.mdb");
  CU_ASSERT_EQUAL(in_child(read_all, path), MTASTS_OK);
  CU_ASSERT(size % 4096 == 0 && size > 10 * 4096);
  for (off_t page = size / 4096; page-- > 0;) {
    static const off_t more[] = {4095, 2048, 152, 1, 0};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
      char what[64];
      off_t cut = 4096 * page + more[i];
      snprintf(what, sizeof what, "cut to %jd bytes", (intmax_t)cut);
      CU_ASSERT_EQUAL(truncate(file, cut), 0);
      check_both(path, MTASTS_CORRUPT, what);
    }
  }
  CU_ASSERT_EQUAL(truncate(file, 0), 0);
  check_both(path, MTASTS_CORRUPT, "empty");
  struct stat found;
  CU_ASSERT(stat(file, &found) == 0 && found.st_size == 0); /* left as it was */
  directory_free(path);
}

static void write_file(const char *file, size_t offset, const void *bytes, size_t size) {
  int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  CU_ASSERT_EQUAL(pwrite(fd, bytes, size, (off_t)offset), (ssize_t)size);
  close(fd);
}

static void test_garbage(void) {
  static unsigned char garbage[65536];
  char path[32];
  char file[PATH_SIZE];
  for (size_t i = 0; i < sizeof garbage; i++)
    garbage[i] = (unsigned char)((i * 2654435761U >> 11) & ~8U); /* never a meta page's flag */
  /* All of it; a meta page each; then fields of a meta page: flags, magic, version, page
   * size, the roots of both trees, last page. */
  static const struct {
    size_t offset, size;
  } where[] = {{0, 65536},     {0, 4096}, {4096, 4096}, {10, 2},  {16, 4},
               {4096 + 20, 4}, {40, 4},   {80, 8},      {128, 8}, {136, 8}};
  for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
    char what[64];
    make_cache(path);
    file_path(file, path, "data.mdb");
    write_file(file, where[i].offset, garbage, where[i].size);
    snprintf(what, sizeof what, "%zu bytes of garbage at %zu", where[i].size, where[i].offset);
    check_both(path, MTASTS_CORRUPT, what);
    directory_free(path);
  }
}

/* No tree begins in a meta page, which have the numbers 0 and 1. */
static void test_low_roots(void) {
  static const size_t roots[] = {80, 128}; /* in a meta page: of the free pages, of the others */
  for (size_t i = 0; i < 8; i++) {
    const uint64_t number = i & 1;
    char path[32];
    char file[PATH_SIZE];
    char what[64];
    make_cache(path);
    file_path(file, path, "data.mdb");
    write_file(file, (i & 2 ? 4096 : 0) + roots[i / 4], &number, sizeof number);
    snprintf(what, sizeof what, "root %zu in meta page %d", i / 4, (i & 2) != 0);
    check_both(path, MTASTS_CORRUPT, what);
    CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK); /* opening says it */
    directory_free(path);
  }
}

static void test_not_a_file(void) {
  static const char *const names[] = {"data.mdb", "lock.mdb", "writer.lock"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[32];
    char file[PATH_SIZE];
    char away[PATH_SIZE];
    enum mtasts_status reading = i < 2 ? MTASTS_PERMISSION : MTASTS_OK;
    make_cache(path);
    file_path(file, path, names[i]);
    file_path(away, path, "away");
    CU_ASSERT_EQUAL(rename(file, away), 0);
    for (int kind = 0; kind < 3; kind++) {
      int rc = kind == 0   ? symlink("away", file)
               : kind == 1 ? mkfifo(file, 0600)
                           : mkdir(file, 0700);
      CU_ASSERT_EQUAL_FATAL(rc, 0);
      int status = in_child(read_all, path);
      unit_check(status == (int)reading, "%s of kind %d: reading gives %d", names[i], kind, status);
      status = in_child(write_one, path);
      unit_check(status == MTASTS_PERMISSION, "%s of kind %d: writing gives %d", names[i], kind,
                 status);
      if (kind == 2)
        rmdir(file);
      else
        unlink(file);
    }
    CU_ASSERT_EQUAL(unlink(away), 0);
    directory_free(path);
  }
}

static void test_missing(void) {
  char path[32];
  char file[PATH_SIZE];
  struct stat found;
  directory_new(path);
  CU_ASSERT_EQUAL(in_child(read_all, path), MTASTS_NO_FILE);
  CU_ASSERT_EQUAL(rmdir(path), 0);
  CU_ASSERT_EQUAL(in_child(read_all, path), MTASTS_NO_FILE);
  file_path(file, path, "deeper");
  CU_ASSERT_EQUAL(in_child(write_one, file), MTASTS_NO_FILE);

  make_cache(path);
  file_path(file, path, "lock.mdb");
  CU_ASSERT_EQUAL(unlink(file), 0);
  CU_ASSERT_EQUAL(in_child(read_all, path), MTASTS_NO_FILE);
  CU_ASSERT_NOT_EQUAL(stat(file, &found), 0); /* a reader makes none */
  CU_ASSERT_EQUAL(in_child(write_one, path), MTASTS_OK);
  CU_ASSERT_EQUAL(in_child(read_all, path), MTASTS_OK);

  file_path(file, path, "data.mdb"); /* removed by hand: a new cache begins */
  CU_ASSERT_EQUAL(unlink(file), 0);
  file_path(file, path, "data.new");
  write_file(file, 0, "left over", 9);
  CU_ASSERT_EQUAL(in_child(read_all, path), MTASTS_NO_FILE);
  CU_ASSERT_EQUAL(in_child(write_one, path), MTASTS_OK);
  CU_ASSERT_EQUAL(in_child(read_all, path), MTASTS_ABSENT);
  CU_ASSERT_NOT_EQUAL(stat(file, &found), 0);
  directory_free(path);
}

/* Opens data.mdb with LMDB alone, and stores a format of another version, or no format. */
static void set_format(const char *path, const char *format) {
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi dbi;
  MDB_val key = {strlen(MTASTS_DB_FORMAT_KEY), (void *)(uintptr_t)MTASTS_DB_FORMAT_KEY};
  CU_ASSERT_EQUAL_FATAL(mdb_env_create(&env), 0);
  CU_ASSERT_EQUAL_FATAL(mdb_env_open(env, path, 0, 0600), 0);
  CU_ASSERT_EQUAL_FATAL(mdb_txn_begin(env, NULL, 0, &txn), 0);
  CU_ASSERT_EQUAL(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
  if (format) {
    MDB_val value = {strlen(format), (void *)(uintptr_t)format};
    CU_ASSERT_EQUAL(mdb_put(txn, dbi, &key, &value, 0), 0);
  } else {
    CU_ASSERT_EQUAL(mdb_del(txn, dbi, &key, NULL), 0);
  }
  CU_ASSERT_EQUAL(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

static void test_another_version(void) {
  char path[32];
  make_cache(path);
  set_format(path, "mtasts 9");
  check_both(path, MTASTS_CORRUPT, "another version");
  set_format(path, NULL);
  check_both(path, MTASTS_CORRUPT, "another program's environment");
  set_format(path, MTASTS_DB_FORMAT);
  CU_ASSERT_EQUAL(in_child(read_all, path), MTASTS_OK);
  directory_free(path);
}

static int as_nobody(int (*run)(void *), void *path) {
  return setegid(65534) == 0 && seteuid(65534) == 0 ? run(path) : 98;
}

static int read_as_nobody(void *path) {
  return as_nobody(read_all, path);
}

static int write_as_nobody(void *path) {
  return as_nobody(write_one, path);
}

static void test_forbidden(void) {
  static const char *const names[] = {".", "data.mdb", "lock.mdb"};
  char path[32];
  char file[PATH_SIZE];
  if (geteuid() != 0) {
    unit_skip("not root: what user nobody may not read");
    return;
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    make_cache(path);
    CU_ASSERT_EQUAL(chmod(path, 0777), 0);
    file_path(file, path, "data.mdb");
    CU_ASSERT_EQUAL(chmod(file, 0666), 0);
    file_path(file, path, "lock.mdb");
    CU_ASSERT_EQUAL(chmod(file, 0666), 0);
    CU_ASSERT_EQUAL(in_child(read_as_nobody, path), MTASTS_OK);
    CU_ASSERT_EQUAL(in_child(write_as_nobody, path), MTASTS_PERMISSION); /* writer.lock */
    file_path(file, path, names[i]);
    CU_ASSERT_EQUAL(chmod(file, 0600), 0);
    int status = in_child(read_as_nobody, path);
    unit_check(status == MTASTS_PERMISSION, "%s: reading gives %d", names[i], status);
    status = in_child(write_as_nobody, path);
    unit_check(status == MTASTS_PERMISSION, "%s: writing gives %d", names[i], status);
    directory_free(path);
  }
}

/* A damaged file is reported as damaged even if it may only be read: it must be replaced, whatever
 * its owner. */
static void test_garbage_of_others(void) {
  static const char *const names[] = {".", "data.mdb", "lock.mdb", "writer.lock"};
  static const mode_t modes[] = {0777, 0644, 0666, 0666};
  char path[32];
  char file[PATH_SIZE];
  if (geteuid() != 0) {
    unit_skip("not root: a damaged file of another user");
    return;
  }
  make_cache(path);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    file_path(file, path, names[i]);
    CU_ASSERT_EQUAL(chmod(file, modes[i]), 0);
  }
  CU_ASSERT_EQUAL(in_child(write_as_nobody, path), MTASTS_PERMISSION);
  file_path(file, path, "data.mdb");
  CU_ASSERT_EQUAL(truncate(file, 8192), 0);
  CU_ASSERT_EQUAL(in_child(write_as_nobody, path), MTASTS_CORRUPT);
  directory_free(path);
}

/* Every page of the file in turn is filled with garbage: what the check lets pass can be read. */
static void test_garbage_inside(void) {
  static const unsigned char fills[] = {0x00, 0x01, 0x41, 0xff};
  char path[32];
  char file[PATH_SIZE];
  unsigned char sound[4096];
  unsigned char garbage[4096];
  unsigned found = 0;
  off_t size = make_cache(path);
  file_path(file, path, "data.mdb");
  int fd = open(file, O_RDWR | O_CLOEXEC);
  CU_ASSERT_FATAL(fd >= 0);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
  for (off_t at = 2 * 4096; at < size; at += 4096)
    for (size_t i = 0; i < 2 * sizeof fills; i++) {
      CU_ASSERT_EQUAL(pread(fd, sound, sizeof sound, at), sizeof sound);
      memcpy(garbage, sound, sizeof garbage);
      size_t from = i % 2 == 0 ? 0 : 16; /* all of it, or what follows the page's header */
      memset(garbage + from, fills[i / 2], sizeof garbage - from);
      CU_ASSERT_EQUAL(pwrite(fd, garbage, sizeof garbage, at), sizeof garbage);
      if (mtasts_tree_check(path) == MTASTS_CORRUPT)
        found++;
      else
        unit_check(in_child(read_all, path) == MTASTS_OK, "page %jd, %#x: passed, but not readable",
                   (intmax_t)(at / 4096), fills[i / 2]);
      CU_ASSERT_EQUAL(pwrite(fd, sound, sizeof sound, at), sizeof sound);
    }
  close(fd);
  unit_check(found > 100, "%u damages were found", found);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
  directory_free(path);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK); /* not there */
}

static void one_node(unsigned char *page) {
  *field(page, 12) = 16 + 2;
}
static void no_node(unsigned char *page) {
  *field(page, 12) = 16;
}

static void empty_key(unsigned char *page) {
  *field(page, *field(page, 14) + 6U) = 0;
}

/* Each in turn in every page of its kind, of which some are in use. */
static void test_rules(void) {
  static const struct {
    const char *name;
    uint16_t kind;  /* branch 1, leaf 2 */
    unsigned least; /* pages of that kind in use */
    void (*damage)(unsigned char *page);
  } rules[] = {
      {"a branch with one node", 1, 1, one_node},
      {"a branch with none", 1, 1, no_node},
      {"a leaf with none", 2, 10, no_node},
      {"a leaf with an empty key", 2, 10, empty_key},
  };
  char path[32];
  char file[PATH_SIZE];
  _Alignas(8) unsigned char sound[4096];
  _Alignas(8) unsigned char page[4096];
  make_cache(path);
  file_path(file, path, "data.mdb");
  int fd = open(file, O_RDWR | O_CLOEXEC);
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    unsigned told = 0;
    for (off_t at = 2 * 4096; pread(fd, sound, sizeof sound, at) == sizeof sound; at += 4096) {
      memcpy(page, sound, sizeof page);
      if (*field(page, 10) != rules[i].kind)
        continue;
      rules[i].damage(page);
      CU_ASSERT_EQUAL(pwrite(fd, page, sizeof page, at), sizeof page);
      told += mtasts_tree_check(path) == MTASTS_CORRUPT;
      CU_ASSERT_EQUAL(pwrite(fd, sound, sizeof sound, at), sizeof sound);
    }
    unit_check(told >= rules[i].least, "%s: told of %u pages", rules[i].name, told);
  }
  close(fd);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
  directory_free(path);
}

/* A cache of many free pages, so that a list of them has overflow pages, and of a few used ones. */
static void make_free_pages(char path[32]) {
  struct sample sample;
  uint64_t removed;
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  policy(&sample, "1");
  for (int i = 0; i < 20000; i++)
    store_put(store, domain("p%d.example", i).name, &sample.entry);
  CU_ASSERT_EQUAL(mtasts_store_clear(store, &removed), MTASTS_OK);
  store_put(store, "one.example", &sample.entry);
  mtasts_store_close(store);
}

/* Returns the file offset of the first list of free pages, in the leaf or in overflow pages. `leaf`
 * gets the leaf, which is the root, and *node the offset of its node. */
static off_t find_list(int fd, bool big, unsigned char *leaf, size_t *node) {
  struct mtasts_data_trees trees;
  CU_ASSERT_EQUAL_FATAL(mtasts_data_trees(fd, &trees), 0);
  off_t root = (off_t)trees.free.root * 4096;
  CU_ASSERT_EQUAL_FATAL(pread(fd, leaf, 4096, root), 4096);
  CU_ASSERT_EQUAL_FATAL(*field(leaf, 10), 0x02);
  for (size_t at = 16; at < *field(leaf, 12); at += 2) {
    uint64_t data;
    *node = *field(leaf, at);
    memcpy(&data, leaf + *node + 16, sizeof data);
    if ((*field(leaf, *node + 4) == 0x01) == big && (big || data >= 2))
      return big ? (off_t)data * 4096 + 16 : root + (off_t)*node + 16;
  }
  CU_FAIL_FATAL("no such list");
  return 0;
}

static void test_free_lists(void) {
  char path[32];
  char file[PATH_SIZE];
  make_free_pages(path);
  file_path(file, path, "data.mdb");
  int fd = open(file, O_RDWR | O_CLOEXEC);
  for (int big = 0; big < 2; big++) {
    _Alignas(8) unsigned char leaf[4096];
    uint64_t sound[3];
    size_t node;
    off_t at = find_list(fd, big, leaf, &node);
    CU_ASSERT_EQUAL(pread(fd, sound, sizeof sound, at), sizeof sound);
    const uint64_t lists[][3] = {
        {UINT64_MAX, sound[1], sound[2]}, {sound[0] + 2048, sound[1], sound[2]},
        {sound[0], sound[2], sound[1]},   {sound[0], 1U << 30, sound[2]},
        {sound[0], sound[1], sound[1]},   {sound[0], sound[1], 1},
    };
    CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
      CU_ASSERT_EQUAL(pwrite(fd, lists[i], sizeof lists[i], at), sizeof lists[i]);
      unit_check(mtasts_tree_check(path) == MTASTS_CORRUPT, "big %d, list %zu: not told", big, i);
    }
    CU_ASSERT_EQUAL(pwrite(fd, sound, sizeof sound, at), sizeof sound);
  }
  close(fd);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
  CU_ASSERT_EQUAL(in_child(write_one, path), MTASTS_OK);
  directory_free(path);
}

/* The checks of the keys: their size, and their order. */
static void test_free_keys(void) {
  char path[32];
  char file[PATH_SIZE];
  make_free_pages(path);
  file_path(file, path, "data.mdb");
  int fd = open(file, O_RDWR | O_CLOEXEC);
  _Alignas(8) unsigned char leaf[4096];
  size_t node;
  find_list(fd, true, leaf, &node);
  off_t key = (off_t)node + 8;
  struct mtasts_data_trees trees;
  CU_ASSERT_EQUAL_FATAL(mtasts_data_trees(fd, &trees), 0);
  off_t root = (off_t)trees.free.root * 4096;
  const uint64_t none = 0;
  CU_ASSERT_EQUAL(pwrite(fd, &none, sizeof none, root + key), sizeof none);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_CORRUPT);
  *field(leaf, node + 6) = 7;
  CU_ASSERT_EQUAL(pwrite(fd, leaf, sizeof leaf, root), sizeof leaf);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_CORRUPT);
  *field(leaf, node + 6) = 8;
  CU_ASSERT_EQUAL(pwrite(fd, leaf, sizeof leaf, root), sizeof leaf);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
  close(fd);
  directory_free(path);
}

/* A writer was killed before it had lengthened its file: free pages are missing at the end. */
static void test_short(void) {
  char path[32];
  char file[PATH_SIZE];
  struct stat found;
  make_free_pages(path);
  file_path(file, path, "data.mdb");
  for (int i = 0; i < 6; i++) /* the list of all that was cleared is at the end itself, at first */
    CU_ASSERT_EQUAL(in_child(write_one, path), MTASTS_OK);
  CU_ASSERT_EQUAL_FATAL(stat(file, &found), 0);
  off_t size = found.st_size;
  for (int pages = 1; pages <= 100; pages += 33) {
    CU_ASSERT_EQUAL(truncate(file, size - 4096 * pages), 0);
    CU_ASSERT_EQUAL(in_child(walk_all, path), MTASTS_CORRUPT); /* until a writer came */
    CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);       /* opening says it */
    CU_ASSERT_EQUAL(in_child(write_one, path), MTASTS_OK);
    CU_ASSERT(stat(file, &found) == 0 && found.st_size == size);
    CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
    CU_ASSERT_EQUAL(in_child(walk_all, path), MTASTS_OK);
  }
  /* A page in use is missing. */
  CU_ASSERT_EQUAL(truncate(file, 3 * 4096), 0);
  CU_ASSERT_EQUAL(in_child(write_one, path), MTASTS_CORRUPT);
  CU_ASSERT(stat(file, &found) == 0 && found.st_size == (off_t)3 * 4096);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"a truncated file is reported, and kills no reader", test_truncated},
    {"garbage is reported", test_garbage},
    {"a tree that begins in a meta page is reported", test_low_roots},
    {"garbage in any page is found before LMDB stumbles over it", test_garbage_inside},
    {"a page that LMDB never writes is reported", test_rules},
    {"lists of free pages are looked at", test_free_lists},
    {"and their keys", test_free_keys},
    {"free pages that are missing at the end are no damage", test_short},
    {"links, pipes and directories are no files", test_not_a_file},
    {"what is missing is made by a writer alone", test_missing},
    {"another version is distinguished", test_another_version},
    {"garbage that may not be written is reported as garbage", test_garbage_of_others},
    {"what is forbidden is said", test_forbidden},
    {NULL, NULL},
};
