/* Our comparator gives LMDB's own order of keys. */
#include "key_compare.h"

#include <sys/mman.h>

#include "fixture.h"

const char *const unit_name = "cache/key_compare";

enum {
  PAIRS = 200000,
  KEY_MAX = 40, /* bytes */
};

static int sign(int order) {
  return (order > 0) - (order < 0);
}

/* As LMDB's own mdb_cmp_memn has it. */
static int expected(const MDB_val *a, const MDB_val *b) {
  size_t shorter = a->mv_size < b->mv_size ? a->mv_size : b->mv_size;
  int order = memcmp(a->mv_data, b->mv_data, shorter);
  return order != 0 ? sign(order) : (a->mv_size > b->mv_size) - (a->mv_size < b->mv_size);
}

/* Few letters, some with the top bit set, and mostly alike: keys that differ late, or not at all.
 */
static MDB_val random_key(unsigned char *bytes) {
  static const unsigned char letters[] = {'a', 'a', 'a', 'a', 'a', 'a', 'b', 0x80, 0xff, 0};
  size_t size = 1 + (size_t)random() % (KEY_MAX - 1);
  for (size_t i = 0; i < size; i++)
    bytes[i] = letters[(size_t)random() % (i < 8 && size > 12 ? 3 : sizeof letters)];
  return (MDB_val){size, bytes};
}

static void test_order(void) {
  unsigned equal = 0;
  srandom(1);
  for (int i = 0; i < PAIRS; i++) {
    unsigned char bytes[2][KEY_MAX];
    MDB_val a = random_key(bytes[0]);
    MDB_val b = random_key(bytes[1]);
    if (i % 3 == 0 && a.mv_size > 0) { /* the same, or the one a part of the other */
      memcpy(bytes[1], bytes[0], a.mv_size);
      b.mv_size = 1 + (size_t)random() % a.mv_size;
    }
    int want = expected(&a, &b);
    equal += want == 0;
    unit_check(sign(mtasts_key_compare_prefetch(&a, &b)) == want &&
                   sign(mtasts_key_compare_prefetch(&b, &a)) == -want,
               "pair %d", i);
  }
  CU_ASSERT(equal > 100);
}

/* The page of a key is found without a look at the next one, at whose start an empty key lies. */
static int compare_at_end(void *context) {
  (void)context;
  unsigned char *pages = mmap(NULL, 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CU_ASSERT_FATAL(pages != MAP_FAILED && mprotect(pages, 4096, PROT_READ | PROT_WRITE) == 0);
  const uint16_t header[] = {0x02, 16 + 2, 4088, 4088}; /* a leaf: flags, bounds, its only node */
  memcpy(pages + 10, header, sizeof header);
  char name[] = "a.example";
  mtasts_key_prefetch_begin(4096);
  int order =
      mtasts_key_compare_prefetch(&(MDB_val){sizeof name - 1, name}, &(MDB_val){0, pages + 4096});
  mtasts_key_prefetch_end();
  return order > 0 ? 0 : 1;
}

static void test_end_of_page(void) {
  CU_ASSERT_EQUAL(in_child(compare_at_end, NULL), 0);
}

struct id {
  char id[MTASTS_ID_MAX + 1];
};

static struct id id_of(unsigned k) {
  struct id made;
  snprintf(made.id, sizeof made.id, "%u", k);
  return made;
}

/* A leaf of one node, of many, and a tree: each key is found by readers that prefetch, and no
 * other. */
static void test_found(void) {
  static const unsigned sizes[] = {1, 2, 20, 5000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    char path[32];
    struct sample sample;
    struct mtasts_entry entry;
    directory_new(path);
    struct mtasts_store *store = store_open(path);
    for (unsigned k = 0; k < sizes[i]; k++) {
      struct mtasts_domain key = domain("d%u.example", 2 * k);
      CU_ASSERT_EQUAL(mtasts_store_put(store, &key, policy(&sample, id_of(2 * k).id), NOW),
                      MTASTS_OK);
    }
    CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
    for (unsigned k = 0; k < 2 * sizes[i]; k++) {
      enum mtasts_status status =
          look_up(mtasts_store_cache(store), domain("d%u.example", k).name, &entry);
      unit_check(status == (k % 2 == 0 ? MTASTS_OK : MTASTS_ABSENT), "%u of %u: %s", k, sizes[i],
                 mtasts_status_name(status));
      unit_check(status != MTASTS_OK || strcmp(entry.policy_id, id_of(k).id) == 0,
                 "%u of %u: the value of %s", k, sizes[i], entry.policy_id);
    }
    mtasts_store_close(store);
    directory_free(path);
  }
}

const struct unit_test unit_tests[] = {
    {"keys are in LMDB's own order", test_order},
    {"an empty key at the end of a page", test_end_of_page},
    {"what is there is found, and nothing else", test_found},
    {NULL, NULL},
};
