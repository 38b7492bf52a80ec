/* A backup is whole and can be used at once, however much is written meanwhile; it makes no process
 * wait and keeps no page from its next use. */
#include "backup.h"

#include "data_file.h"
#include "fixture.h"
#include "tree_check.h"

const char *const unit_name = "cache/backup";

enum {
  MANY = 3000,
};

static unsigned lagging; /* warnings of a reader that lags */

static void warn(void *context, const char *sentence) {
  (void)context;
  lagging += strstr(sentence, "has been reading") != NULL;
}

struct fixture {
  char from[32], to[32];
  struct mtasts_store *store;
  int fd;
  unsigned calls;
};

static void fill(struct mtasts_store *store, const char *kind, const struct mtasts_entry *entry,
                 int count) {
  for (int i = 0; i < count; i++) {
    struct mtasts_domain key = domain("d%05d.%s.example", i, kind);
    CU_ASSERT_EQUAL(mtasts_store_put(store, &key, entry, NOW), MTASTS_OK);
  }
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
}

static struct fixture fixture_new(void) {
  struct fixture fixture = {.fd = -1};
  struct mtasts_store_options options = mtasts_store_defaults;
  struct sample sample;
  char file[PATH_SIZE];
  directory_new(fixture.from);
  directory_new(fixture.to);
  options.warn = warn;
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(fixture.from, &options, &fixture.store), MTASTS_OK);
  fill(fixture.store, "policy", policy(&sample, "1"), MANY);
  fill(fixture.store, "absent", absent(&sample), MANY);
  file_path(file, fixture.to, "data.mdb");
  fixture.fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  CU_ASSERT_FATAL(fixture.fd >= 0);
  lagging = 0;
  return fixture;
}

static void fixture_free(struct fixture *fixture) {
  mtasts_store_close(fixture->store);
  close(fixture->fd);
  directory_free(fixture->from);
  directory_free(fixture->to);
}

static struct mtasts_backup_counts back_up(struct fixture *fixture, mtasts_backup_fn *progress) {
  struct mtasts_backup_counts counts = {0};
  struct mtasts_backup *backup = NULL;
  CU_ASSERT_EQUAL_FATAL(mtasts_backup_begin(fixture->fd, &backup), MTASTS_OK);
  CU_ASSERT_EQUAL(
      mtasts_backup_copy(backup, mtasts_store_cache(fixture->store), progress, fixture, &counts),
      MTASTS_OK);
  mtasts_backup_free(backup);
  return counts;
}

/* As a cache directory's data.mdb, by its next writer: every page holds, every entry is there. */
static struct mtasts_cache_stats restored(const struct fixture *fixture) {
  CU_ASSERT_EQUAL(mtasts_tree_check(fixture->to), MTASTS_OK);
  struct mtasts_store *store = store_open(fixture->to);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
  mtasts_store_close(store);
  return stats;
}

static void test_whole(void) {
  struct fixture fixture = fixture_new();
  struct mtasts_backup_counts counts = back_up(&fixture, NULL);
  struct mtasts_cache_stats stats = restored(&fixture);
  struct mtasts_entry entry = {.has_policy = false};
  CU_ASSERT_EQUAL(counts.domains, 2 * MANY);
  CU_ASSERT_EQUAL(counts.damaged, 0);
  CU_ASSERT_EQUAL(stats.policies, MANY);
  CU_ASSERT_EQUAL(stats.absent, MANY);
  CU_ASSERT_EQUAL(stats.corrupt, 0);
  CU_ASSERT_EQUAL(stats.space.map_size, mtasts_store_defaults.map_size);
  struct mtasts_store *store = store_open(fixture.to);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "d00007.policy.example", &entry), MTASTS_OK);
  CU_ASSERT(entry.has_policy && entry.expires == NOW + WEEK);
  mtasts_store_close(store);
  fixture_free(&fixture);
}

/* What mtastsd does meanwhile: more commits than a reader may lag behind, after each batch. */
static void write_much(void *context, uint64_t domains) {
  struct fixture *fixture = context;
  struct sample sample;
  (void)domains;
  for (int i = 0; i < 100; i++) {
    char id[8];
    snprintf(id, sizeof id, "%d", i);
    store_put(fixture->store, "busy.example", policy(&sample, id));
    CU_ASSERT_EQUAL(mtasts_store_flush(fixture->store), MTASTS_OK);
  }
  fixture->calls++;
}

static uint64_t data_size(const struct fixture *fixture) {
  struct stat file;
  char path[PATH_SIZE];
  file_path(path, fixture->from, "data.mdb");
  CU_ASSERT_EQUAL(stat(path, &file), 0);
  return (uint64_t)file.st_size;
}

static void test_while_it_is_written(void) {
  struct fixture fixture = fixture_new();
  write_much(&fixture, 0);
  uint64_t before = data_size(&fixture);
  back_up(&fixture, write_much);
  /* A read transaction that lasted would have kept the pages of each of these commits. */
  CU_ASSERT(fixture.calls >= 6);
  CU_ASSERT(data_size(&fixture) < before + 256 * 1024);
  CU_ASSERT_EQUAL(lagging, 0);
  struct mtasts_cache_stats stats = restored(&fixture);
  CU_ASSERT_EQUAL(stats.policies, MANY + 1);
  CU_ASSERT_EQUAL(stats.absent, MANY);
  CU_ASSERT_EQUAL(stats.corrupt, 0);
  fixture_free(&fixture);
}

/* Domains that have been read get a policy: it is in the backup, and the old word is not. */
static void get_policies(void *context, uint64_t domains) {
  struct fixture *fixture = context;
  struct sample sample;
  if (fixture->calls++ == 0) {
    CU_ASSERT(domains < MANY);
    fill(fixture->store, "absent", policy(&sample, "2"), 100);
    fill(fixture->store, "new", policy(&sample, "3"), 100);
  }
}

static void test_policy_meanwhile(void) {
  struct fixture fixture = fixture_new();
  struct mtasts_backup_counts counts = back_up(&fixture, get_policies);
  struct mtasts_cache_stats stats = restored(&fixture);
  CU_ASSERT_EQUAL(counts.domains, 2 * MANY + 100);
  CU_ASSERT_EQUAL(stats.policies, MANY + 200);
  CU_ASSERT_EQUAL(stats.absent, MANY - 100);
  fixture_free(&fixture);
}

/* Reads the cache until the parent has done. */
static pid_t start_reader(const char *path, int *to_reader) {
  int ready[2];
  int done[2];
  char byte;
  CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
  CU_ASSERT_EQUAL_FATAL(pipe(done), 0);
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    struct mtasts_cache *cache;
    close(done[1]);
    bool opened = mtasts_cache_open(path, &cache) == MTASTS_OK;
    _exit(opened && write(ready[1], "", 1) == 1 && read(done[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(ready[1]);
  close(done[0]);
  CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  *to_reader = done[1];
  return pid;
}

/* The copy takes the old file's place, and some process still has the old lock file: whichever meta
 * page its number of commits leads to, all is there. */
static void put_back(int commits) {
  struct fixture fixture = fixture_new();
  struct sample sample;
  char data[PATH_SIZE];
  char copy[PATH_SIZE];
  int to_reader;
  int ended = -1;
  back_up(&fixture, NULL);
  for (int i = 0; i < commits; i++) {
    store_put(fixture.store, "one.more.example", policy(&sample, "1"));
    CU_ASSERT_EQUAL(mtasts_store_flush(fixture.store), MTASTS_OK);
  }
  mtasts_store_close(fixture.store);
  pid_t reader = start_reader(fixture.from, &to_reader);
  file_path(data, fixture.from, "data.mdb");
  file_path(copy, fixture.to, "data.mdb");
  CU_ASSERT_EQUAL(rename(copy, data), 0);
  fixture.store = store_open(fixture.from);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(fixture.store));
  CU_ASSERT_EQUAL(stats.policies, MANY);
  CU_ASSERT_EQUAL(stats.absent, MANY);
  store_put(fixture.store, "later.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(fixture.store), MTASTS_OK);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(fixture.store)).policies, MANY + 1);
  close(to_reader);
  CU_ASSERT(waitpid(reader, &ended, 0) == reader && ended == 0);
  fixture_free(&fixture);
}

static void test_beside_an_old_lock_file(void) {
  put_back(0);
  put_back(1);
}

/* A value that does not decode is counted, and is not in the copy. */
static void test_damaged(void) {
  struct fixture fixture = fixture_new();
  struct mtasts_cache *cache = mtasts_store_cache(fixture.store);
  MDB_txn *txn;
  MDB_val key = {sizeof "d00007.policy.example" - 1, (void *)(uintptr_t) "d00007.policy.example"};
  MDB_val value = {3, (void *)(uintptr_t) "bad"};
  CU_ASSERT_EQUAL_FATAL(mdb_txn_begin(cache->env, NULL, 0, &txn), 0);
  CU_ASSERT_EQUAL(mdb_put(txn, cache->policies, &key, &value, 0), 0);
  CU_ASSERT_EQUAL(mtasts_data_commit(txn), 0);
  struct mtasts_backup_counts counts = back_up(&fixture, NULL);
  CU_ASSERT_EQUAL(counts.domains, 2 * MANY - 1);
  CU_ASSERT_EQUAL(counts.damaged, 1);
  CU_ASSERT_EQUAL(restored(&fixture).policies, MANY - 1);
  fixture_free(&fixture);
}

static void test_the_note(void) {
  struct fixture fixture = fixture_new();
  char note[8] = "";
  size_t size = 0;
  CU_ASSERT_EQUAL(mtasts_store_save_position(fixture.store, "a note", 6), MTASTS_OK);
  back_up(&fixture, NULL);
  struct mtasts_store *store = store_open(fixture.to);
  CU_ASSERT_EQUAL(mtasts_store_load_position(store, note, sizeof note, &size), MTASTS_OK);
  CU_ASSERT(size == 6 && memcmp(note, "a note", 6) == 0);
  mtasts_store_close(store);
  fixture_free(&fixture);
}

const struct unit_test unit_tests[] = {
    {"it is whole", test_whole},
    {"while the cache is written", test_while_it_is_written},
    {"domains that get a policy meanwhile", test_policy_meanwhile},
    {"put back beside an old lock file", test_beside_an_old_lock_file},
    {"a damaged value is left out", test_damaged},
    {"the saved position", test_the_note},
    {NULL, NULL},
};
