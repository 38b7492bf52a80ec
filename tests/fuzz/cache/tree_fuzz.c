/* The check of data.mdb against LMDB: a sound file is changed by a few writes, and if the check
 * still accepts it, LMDB must be able to walk, read, write, remove and compact in it. Reading one
 * domain without LMDB must do nothing but read, whatever the file is. * Input: records of 8 bytes:
 * kind, page, place (2), value (4). */
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry_codec.h"
#include "store.h"
#include "tree_check.h"
#include "walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
  NOW = 1800000000,
  PAGE = 4096,
  DOMAINS = 160,
  LARGE = 9,      /* each so manyth has a policy that takes overflow pages */
  PATTERNS = 240, /* of a large one */
  RECORD = 8,     /* bytes of input */
  RECORDS_MAX = 24,
  SECONDS = 10, /* that LMDB may take */
};

static struct {
  char directory[64];
  unsigned char *bytes;
  size_t size;
} base;

static void require(bool truth) {
  if (!truth)
    abort();
}

static struct mtasts_domain domain(int number) {
  struct mtasts_domain made;
  made.len = (size_t)snprintf(made.name, sizeof made.name, "d%05d.example", number);
  return made;
}

static const struct mtasts_entry *entry_of(int number) {
  static unsigned char patterns[PATTERNS * 32];
  static struct mtasts_entry entry;
  int count = number % LARGE == 0 ? PATTERNS : 1;
  size_t used = 0;
  entry = (struct mtasts_entry){
      .record = MTASTS_RECORD_ABSENT, .checked = NOW, .next_check = NOW + 300};
  if (number % 4 == 1)
    return &entry;
  for (int i = 0; i < count; i++) {
    int len = snprintf((char *)patterns + used + 1, 30, "mx%d.d%05d.example", i, number);
    patterns[used] = (unsigned char)len;
    used += (size_t)len + 1;
  }
  entry.has_policy = true;
  entry.policy =
      (struct mtasts_policy){MTASTS_MODE_ENFORCE, 86400, {patterns, used, (size_t)count}};
  entry.fetched = NOW;
  entry.expires = NOW + 86400;
  entry.record = MTASTS_RECORD_VALID;
  memcpy(entry.record_id, "1", 2);
  memcpy(entry.policy_id, "1", 2);
  return &entry;
}

static struct mtasts_store *open_store(void) {
  struct mtasts_store_options options = mtasts_store_defaults;
  struct mtasts_store *store = NULL;
  options.map_size = options.map_size_max = 2 << 20;
  return mtasts_store_open(base.directory, &options, &store) == MTASTS_OK ? store : NULL;
}

static void path_of(const char *name, char path[96]) {
  snprintf(path, 96, "%s/%s", base.directory, name);
}

static void remove_all(void) {
  static const char *const names[] = {"data.mdb", "lock.mdb", "writer.lock", "data.new"};
  char path[96];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    path_of(names[i], path);
    unlink(path);
  }
  rmdir(base.directory);
}

/* Policies and others, large ones, free pages. */
static void make_base(void) {
  char path[96];
  struct stat file;
  snprintf(base.directory, sizeof base.directory, "%s/mtasts-tree-XXXXXX",
           access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  require(mkdtemp(base.directory) != NULL);
  atexit(remove_all);
  struct mtasts_store *store = open_store();
  require(store != NULL);
  for (int i = 0; i < DOMAINS; i++) {
    struct mtasts_domain key = domain(i);
    require(mtasts_store_put(store, &key, entry_of(i), NOW) == MTASTS_OK);
  }
  for (int i = 0; i < DOMAINS; i += 7) {
    struct mtasts_domain key = domain(i);
    require(mtasts_store_remove(store, &key) == MTASTS_OK);
  }
  mtasts_store_close(store);
  path_of("data.mdb", path);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  require(fd >= 0 && fstat(fd, &file) == 0);
  base.size = (size_t)file.st_size;
  base.bytes = malloc(base.size);
  require(base.bytes && read(fd, base.bytes, base.size) == file.st_size);
  close(fd);
}

/* Where a node of a page begins; 0: nowhere. */
static size_t node_of(const unsigned char *page, size_t number) {
  uint16_t lower, offset;
  memcpy(&lower, page + 12, sizeof lower);
  size_t count = lower > 16 && lower <= PAGE ? (lower - 16U) / 2 : 1;
  memcpy(&offset, page + 16 + number % count * 2, sizeof offset);
  return offset < PAGE - 64 ? offset : 0;
}

/* One change: of anything, or of what LMDB goes by. */
static void change(unsigned char *file, const uint8_t *record) {
  size_t pages = base.size / PAGE;
  size_t number = record[1] % pages;
  unsigned char *page = file + number * PAGE;
  size_t place = (size_t)(record[2] | record[3] << 8);
  size_t node = node_of(page, place);
  unsigned char *meta = file + (size_t)(record[1] & 1) * PAGE;
  switch (record[0] % 8) {
  case 0: /* any byte */
    page[place % PAGE] = record[4];
    break;
  case 1: /* any two */
    memcpy(page + place % (PAGE - 1), record + 4, 2);
    break;
  case 2: /* the header: flags, lower, upper, or pages */
    memcpy(page + 10 + place % 3 * 2, record + 4, 2);
    break;
  case 3: /* where a node is */
    memcpy(page + 16 + place % 200 * 2, record + 4, 2);
    break;
  case 4: /* a node's header, and what follows its key: a page's number, a tree's record */
    memcpy(page + node + record[6] % 60, record + 4, 2);
    break;
  case 5: /* the meta pages: sizes, both trees, the last page, the transaction */
    memcpy(meta + 16 + place % 20 * 8, record + 4, 4);
    break;
  case 6: /* another page in its place, which says that it is this one */
    memcpy(page + 8, file + place % pages * PAGE + 8, PAGE - 8);
    break;
  default: /* a bit of the flags */
    page[10] = (unsigned char)(page[10] ^ (1U << record[4] % 8));
    page[11] = (unsigned char)(page[11] ^ (record[4] & 0x80 ? 1U << record[5] % 8 : 0));
    break;
  }
}

static void write_file(const char *name, const void *bytes, size_t size) {
  char path[96];
  path_of(name, path);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  require(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
  close(fd);
}

static bool pass_over(void *context, const struct mtasts_domain *key, enum mtasts_status status,
                      const struct mtasts_entry *entry) {
  (void)context, (void)key, (void)status, (void)entry;
  return true;
}

static void read_one(struct mtasts_cache *cache, const struct mtasts_domain *key) {
  struct mtasts_reader *reader;
  struct mtasts_entry entry;
  if (mtasts_reader_new(cache, &reader) != MTASTS_OK)
    return;
  (void)mtasts_reader_get(reader, key, &entry);
  mtasts_reader_free(reader);
}

/* What mtastsd does with a file that it takes for sound. */
static void use(void) {
  struct mtasts_store *store = open_store();
  struct mtasts_cache_stats stats;
  uint64_t removed, before, after;
  if (!store)
    return;
  struct mtasts_cache *cache = mtasts_store_cache(store);
  (void)mtasts_cache_walk(cache, pass_over, NULL);
  (void)mtasts_cache_count(cache, NOW, &stats);
  for (int i = 0; i < 48; i++) {
    struct mtasts_domain key = domain(i % 2 ? i * 3 : 1000 + i);
    read_one(cache, &key);
    if (i % 3)
      (void)mtasts_store_put(store, &key, entry_of(i), NOW);
    else
      (void)mtasts_store_remove(store, &key);
    if (i % 8 == 0)
      (void)mtasts_store_flush(store);
  }
  (void)mtasts_store_repair(store, &removed);
  (void)mtasts_store_compact(store, &before, &after);
  (void)mtasts_store_expire(store, NOW + 100000, &removed);
  (void)mtasts_store_clear(store, &removed);
  mtasts_store_close(store);
  /* What is sound for the check stays so, whatever LMDB does with it. */
  require(mtasts_tree_check(base.directory) == MTASTS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static unsigned char value[MTASTS_ENTRY_SIZE_MAX];
  struct mtasts_entry entry;
  if (!base.bytes)
    make_base();
  unsigned char *file = malloc(base.size);
  require(file != NULL);
  memcpy(file, base.bytes, base.size);
  for (int i = 0; i < RECORDS_MAX && size >= RECORD; i++, data += RECORD, size -= RECORD)
    change(file, data);
  write_file("data.mdb", file, base.size);
  write_file("lock.mdb", "", 0);
  write_file("writer.lock", "", 0);
  free(file);
  for (int i = 0; i < DOMAINS; i += 50) {
    struct mtasts_domain key = domain(i);
    (void)mtasts_tree_read(base.directory, &key, value, &entry);
  }
  if (mtasts_tree_check(base.directory) != MTASTS_OK)
    return 0;
  alarm(SECONDS);
  use();
  alarm(0);
  return 0;
}
