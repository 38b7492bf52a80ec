/* The pages on the way to one domain are looked at before LMDB follows them: each case in a child,
 * which a signal would kill. */
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

/* What the check passes must be readable, or be told by opening and reading it. */
static int check_and_read(void *context) {
  const struct look *look = context;
  struct mtasts_domain key = domain("%s", look->name);
  struct mtasts_cache *cache;
  struct mtasts_entry entry;
  alarm(5);
  if (mtasts_tree_check_domain(look->path, &key) != MTASTS_OK)
    return MTASTS_CORRUPT;
  enum mtasts_status status = mtasts_cache_open(look->path, &cache);
  if (status != MTASTS_OK)
    return (int)status;
  status = look_up(cache, look->name, &entry);
  mtasts_cache_close(cache);
  return (int)status;
}

static const char *const names[] = {"p7.example", "big.example", "absent.example", "none.example"};

static void test_sound(void) {
  char path[32];
  make_cache(path);
  for (int i = 0; i < POLICIES; i++) {
    struct mtasts_domain key = domain("p%d.example", i);
    CU_ASSERT_EQUAL(mtasts_tree_check_domain(path, &key), MTASTS_OK);
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct look look = {path, names[i]};
    int status = in_child(check_and_read, &look);
    unit_check(status == (i < 3 ? MTASTS_OK : MTASTS_ABSENT), "%s gives %d", names[i], status);
  }
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
        int status = in_child(check_and_read, &look);
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

static void test_missing(void) {
  char path[32];
  struct mtasts_domain key = domain("p7.example");
  directory_new(path);
  CU_ASSERT_EQUAL(mtasts_tree_check_domain(path, &key), MTASTS_OK);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"a sound cache passes", test_sound},
    {"garbage on the way to a domain kills and stops nobody", test_garbage},
    {"what is not there is for opening to say", test_missing},
    {NULL, NULL},
};
