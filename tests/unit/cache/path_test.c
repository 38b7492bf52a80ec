/* Reading one domain without LMDB: damage in a child, which a signal would kill. */
#include "data_file.h"
#include "fixture.h"
#include "tree_check.h"

const char *const unit_name = "cache/path";

enum {
  POLICIES = 400,
  PAGE = 4096,
  BIG = 3000, /* bytes of patterns: a value with pages of its own */
};

/* Policies in several pages, one of them in pages of its own, and a domain without one. */
static off_t make_cache(char path[32]) {
  static unsigned char patterns[BIG];
  struct sample sample;
  struct stat found;
  char file[PATH_SIZE];
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  for (int i = 0; i < POLICIES; i++)
    store_put(store, domain("p%d.example", i).name, policy(&sample, "1"));
  policy(&sample, "2");
  sample.entry.policy.mx = (struct mtasts_names){patterns, 0, 0};
  for (; sample.entry.policy.mx.size + 32 < BIG; sample.entry.policy.mx.count++)
    sample.entry.policy.mx.size += pack(patterns + sample.entry.policy.mx.size, "mx.big.example");
  store_put(store, "big.example", &sample.entry);
  store_put(store, "absent.example", absent(&sample));
  mtasts_store_close(store);
  file_path(file, path, "data.mdb");
  CU_ASSERT_EQUAL_FATAL(stat(file, &found), 0);
  return found.st_size;
}

struct look {
  const char *path;
  const char *name;
};

static enum mtasts_status read_name(const char *path, const char *name) {
  static unsigned char value[MTASTS_ENTRY_SIZE_MAX];
  struct mtasts_domain key = domain("%s", name);
  struct mtasts_entry entry;
  return mtasts_tree_read(path, &key, value, &entry);
}

static int read_look(void *context) {
  const struct look *look = context;
  alarm(5);
  return (int)read_name(look->path, look->name);
}

static const char *const names[] = {"p7.example", "big.example", "absent.example", "none.example"};

/* The same as through LMDB. */
static void test_sound(void) {
  static unsigned char value[MTASTS_ENTRY_SIZE_MAX];
  struct mtasts_cache *cache;
  struct mtasts_reader *reader;
  char path[32];
  make_cache(path);
  CU_ASSERT_EQUAL_FATAL(mtasts_cache_open(path, &cache), MTASTS_OK);
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(cache, &reader), MTASTS_OK);
  for (int i = -4; i < POLICIES + 4; i++) {
    struct mtasts_entry here = {.fetched = 0};
    struct mtasts_entry there = {.fetched = 0};
    struct mtasts_domain key = i < 0 ? domain("%s", names[-i - 1]) : domain("p%d.example", i);
    enum mtasts_status status = mtasts_reader_get(reader, &key, &there);
    enum mtasts_status got = mtasts_tree_read(path, &key, value, &here);
    unit_check(got == status, "%s gives %d, %d by LMDB", key.name, got, status);
    unit_check(here.has_policy == there.has_policy && here.next_check == there.next_check &&
                   here.policy.mx.size == there.policy.mx.size &&
                   (!here.has_policy ||
                    memcmp(here.policy.mx.data, there.policy.mx.data, here.policy.mx.size) == 0),
               "%s differs", key.name);
  }
  mtasts_reader_free(reader);
  mtasts_cache_close(cache);
  directory_free(path);
}

/* One process writes as fast as it can; every read is whole, and finds what never goes away. */
static void test_writer(void) {
  char path[32];
  struct sample sample;
  unsigned found = 0;
  make_cache(path);
  pid_t pid = fork();
  if (pid == 0) {
    struct mtasts_store *store = NULL;
    mtasts_store_open(path, &mtasts_store_defaults, &store);
    for (unsigned i = 0;; i++) {
      struct mtasts_domain key = domain("p%u.example", i * 7 % POLICIES);
      mtasts_store_put(store, &key, policy(&sample, i % 2 ? "1" : "3"), NOW);
      mtasts_store_flush(store);
    }
  }
  for (int i = 0; i < 20000; i++) {
    enum mtasts_status status = read_name(path, names[i % 3]);
    unit_check(status == MTASTS_OK || status == MTASTS_LOCKED, "%s gives %d", names[i % 3], status);
    found += status == MTASTS_OK;
  }
  unit_check(found > 10000, "%u of 20000 reads", found);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  directory_free(path);
}

static void test_garbage(void) {
  char path[32];
  char file[PATH_SIZE];
  unsigned char sound[PAGE];
  unsigned char garbage[PAGE];
  unsigned told = 0;
  uint32_t random = 1;
  off_t size = make_cache(path);
  file_path(file, path, "data.mdb");
  int fd = open(file, O_RDWR | O_CLOEXEC);
  CU_ASSERT_FATAL(fd >= 0);
  for (off_t at = 2 * PAGE; at < size; at += PAGE) {
    CU_ASSERT_EQUAL(pread(fd, sound, PAGE, at), PAGE);
    for (int kind = 0; kind < 12; kind++) {
      memcpy(garbage, sound, PAGE);
      for (int i = 0; i < (kind < 4 ? PAGE : 1 << (kind - 4)); i++) {
        random = random * 1664525 + 1013904223;
        /* All of it, or a few bytes: of the header and the list of nodes, or of the nodes. */
        size_t where = kind < 4 ? (size_t)i : (random >> 8) % (kind % 2 ? 64 : PAGE);
        garbage[where] = kind == 0 ? 0 : kind == 1 ? 0xff : (unsigned char)(random >> 24);
      }
      CU_ASSERT_EQUAL(pwrite(fd, garbage, PAGE, at), PAGE);
      for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct look look = {path, names[i]};
        int status = in_child(read_look, &look);
        unit_check(status < 128, "page %jd, kind %d, %s: signal %d", (intmax_t)(at / PAGE), kind,
                   names[i], status - 128);
        told += status == MTASTS_CORRUPT;
      }
    }
    CU_ASSERT_EQUAL(pwrite(fd, sound, PAGE, at), PAGE);
  }
  close(fd);
  unit_check(told > 50, "%u damages were told", told);
  directory_free(path);
}

/* The layout of LMDB's pages: MDB_page and MDB_node in its mdb.c. */
static uint16_t *field(unsigned char *page, size_t at) {
  return (uint16_t *)(void *)(page + at);
}

static void one_node(unsigned char *page) {
  *field(page, 12) = 16 + 2;
}
static void swapped_nodes(unsigned char *page) {
  uint16_t first = *field(page, 18); /* not a branch's very first, which has no key */
  *field(page, 18) = *field(page, 20);
  *field(page, 20) = first;
}
static void fixed_size_keys(unsigned char *page) {
  *field(page, 10) |= 0x20;
}
static void another_kind(unsigned char *page) {
  *field(page, 10) = 0x02;
}
static void endless(unsigned char *page) {
  *(uint32_t *)(void *)(page + 12) = 1U << 20;
}
/* The record of a named database, after node header and name, begins with pad and flags. */
static void sorted_duplicates(unsigned char *page) {
  for (size_t at = 16; at < *field(page, 12); at += 2) {
    unsigned char *node = page + *field(page, at);
    if (*field(node, 4) & 0x02)
      *field(node, (size_t)8 + *field(node, 6) + 4) = 0x04;
  }
}

/* Each fault in turn in every page of its kind: it is reported for some domain, and for none after
 * the repair. */
static void test_rules(void) {
  static const struct {
    const char *name;
    uint16_t kind; /* branch 1, leaf 2, overflow 4 */
    void (*damage)(unsigned char *page);
  } rules[] = {
      {"a branch with one node", 1, one_node},
      {"nodes out of order", 1, swapped_nodes},
      {"nodes out of order", 2, swapped_nodes},
      {"keys of one size", 2, fixed_size_keys},
      {"overflow pages that are none", 4, another_kind},
      {"more overflow pages than there are", 4, endless},
      {"a database of duplicates", 2, sorted_duplicates},
  };
  char path[32];
  char file[PATH_SIZE];
  _Alignas(8) unsigned char sound[PAGE];
  _Alignas(8) unsigned char page[PAGE];
  off_t size = make_cache(path);
  file_path(file, path, "data.mdb");
  int fd = open(file, O_RDWR | O_CLOEXEC);
  CU_ASSERT_FATAL(fd >= 0);
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    bool told = false;
    for (off_t at = 2 * PAGE; at < size; at += PAGE) {
      CU_ASSERT_EQUAL(pread(fd, sound, PAGE, at), PAGE);
      memcpy(page, sound, PAGE);
      if (*field(page, 10) != rules[i].kind)
        continue;
      rules[i].damage(page);
      CU_ASSERT_EQUAL(pwrite(fd, page, PAGE, at), PAGE);
      for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        told |= read_name(path, names[n]) == MTASTS_CORRUPT;
      }
      CU_ASSERT_EQUAL(pwrite(fd, sound, PAGE, at), PAGE);
    }
    unit_check(told, "%s: not told", rules[i].name);
  }
  close(fd);
  directory_free(path);
}

static void test_not_there(void) {
  char path[32];
  char file[PATH_SIZE];
  char away[PATH_SIZE];
  directory_new(path);
  CU_ASSERT_EQUAL(read_name(path, names[0]), MTASTS_NO_FILE);
  directory_free(path);
  CU_ASSERT_EQUAL(read_name(path, names[0]), MTASTS_NO_FILE);
  make_cache(path);
  file_path(file, path, "lock.mdb");
  CU_ASSERT_EQUAL(unlink(file), 0);
  CU_ASSERT_EQUAL(read_name(path, names[0]), MTASTS_OK); /* it needs none, and makes none */
  CU_ASSERT_NOT_EQUAL(access(file, F_OK), 0);
  file_path(file, path, "data.mdb");
  file_path(away, path, "data.new");
  CU_ASSERT_EQUAL(rename(file, away), 0);
  for (int kind = 0; kind < 3; kind++) {
    int rc = kind == 0   ? symlink("data.new", file)
             : kind == 1 ? mkfifo(file, 0600)
                         : mkdir(file, 0700);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    CU_ASSERT_EQUAL(read_name(path, names[0]), MTASTS_PERMISSION);
    if (unlink(file) != 0)
      rmdir(file);
  }
  directory_free(path);
}

static void test_truncated(void) {
  char path[32];
  char file[PATH_SIZE];
  off_t size = make_cache(path);
  file_path(file, path, "data.mdb");
  for (off_t cut = size - 1; cut > 0; cut -= 2047) {
    CU_ASSERT_EQUAL(truncate(file, cut), 0);
    CU_ASSERT_EQUAL(read_name(path, names[0]), MTASTS_CORRUPT);
  }
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"what LMDB reads, this reads", test_sound},
    {"beside a writer every read is whole", test_writer},
    {"garbage on the path to a domain neither kills nor stops a reader", test_garbage},
    {"each rule of a sound page", test_rules},
    {"a file that is no cache is reported", test_not_there},
    {"a truncated file is reported", test_truncated},
    {NULL, NULL},
};
