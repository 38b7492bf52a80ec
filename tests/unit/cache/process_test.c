/* Several processes and threads on one cache: real ones, forked and killed. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#include "error_map.h"
#include "fixture.h"
#include "tree_check.h"

const char *const unit_name = "cache/process";

/* A child that runs until it is killed; it says by a byte that it has come so far. */
struct child {
  pid_t pid;
  int told;
};

static struct child start(void (*run)(const char *path, int tell), const char *path) {
  struct child child;
  int ends[2];
  CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
  fflush(NULL);
  child.pid = fork();
  if (child.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run(path, ends[1]);
    _exit(0);
  }
  close(ends[1]);
  child.told = ends[0];
  return child;
}

static void tell(int fd) {
  if (write(fd, "", 1) != 1)
    _exit(1);
}

static void await(const struct child *child) {
  char byte;
  CU_ASSERT_EQUAL_FATAL(read(child->told, &byte, 1), 1);
}

static void stop(const struct child *child) {
  int status;
  kill(child->pid, SIGKILL);
  CU_ASSERT_EQUAL(waitpid(child->pid, &status, 0), child->pid);
  unit_check(WIFSIGNALED(status), "a child ended by itself, with %d", WEXITSTATUS(status));
  close(child->told);
}

static void wait_for_ever(void) {
  for (;;)
    pause();
}

enum {
  WRITTEN = 5000, /* numbers; with more, a reader that is slow would see what the quota evicted */
};

/* Puts pN.example and qN.example in one commit each, again and again; the map starts small. */
static void keep_writing(const char *path, int told) {
  struct mtasts_store_options options = mtasts_store_defaults;
  struct mtasts_store *store;
  struct sample sample;
  options.map_size = 256 << 10;
  options.max_policies = 4 * WRITTEN;
  if (mtasts_store_open(path, &options, &store) != MTASTS_OK)
    _exit(1);
  for (int i = 0;; i++) {
    struct mtasts_domain p = domain("p%d.example", i % WRITTEN);
    struct mtasts_domain q = domain("q%d.example", i % WRITTEN);
    if (mtasts_store_put(store, &p, policy(&sample, "1"), NOW) != MTASTS_OK ||
        mtasts_store_put(store, &q, &sample.entry, NOW) != MTASTS_OK ||
        mtasts_store_flush(store) != MTASTS_OK)
      _exit(1);
    if (i % 1000 == 0)
      tell(told);
  }
}

static void test_one_writes_many_read(void) {
  char path[32];
  struct mtasts_cache *cache;
  struct mtasts_reader *reader;
  struct mtasts_entry entry;
  struct mtasts_store *store;
  directory_new(path);
  struct child writer = start(keep_writing, path);
  await(&writer);
  CU_ASSERT_EQUAL_FATAL(mtasts_cache_open(path, &cache), MTASTS_OK);
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(cache, &reader), MTASTS_OK);
  size_t map = count(cache).space.map_size;
  unsigned wrong = 0;
  for (int i = 0; i < 4; i++) { /* 4,000 commits, over which the map grows */
    await(&writer);
    for (int n = 0; n < 1000; n++) {
      /* A commit is seen as a whole: if there is a q, there was a p before. */
      struct mtasts_domain p = domain("p%d.example", 1000 * i + n);
      struct mtasts_domain q = domain("q%d.example", 1000 * i + n);
      wrong += mtasts_reader_get(reader, &q, &entry) != MTASTS_OK;
      wrong += mtasts_reader_get(reader, &p, &entry) != MTASTS_OK;
    }
  }
  CU_ASSERT_EQUAL(wrong, 0);
  CU_ASSERT(count(cache).space.map_size > map);
  CU_ASSERT_EQUAL(count(cache).corrupt, 0);
  CU_ASSERT_EQUAL(count(cache).readers, 1);
  CU_ASSERT_EQUAL(mtasts_store_open(path, &mtasts_store_defaults, &store), MTASTS_LOCKED);

  stop(&writer);
  CU_ASSERT_EQUAL(mtasts_reader_get(reader, &(struct mtasts_domain){"p0.example", 10}, &entry),
                  MTASTS_OK);
  mtasts_reader_free(reader);
  mtasts_cache_close(cache);

  store = store_open(path); /* the lock went with its holder */
  struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
  CU_ASSERT(stats.policies >= 8000 && stats.policies % 2 == 0);
  CU_ASSERT_EQUAL(stats.corrupt, 0);
  mtasts_store_close(store);
  directory_free(path);
}

static void test_killed_writers(void) {
  char path[32];
  directory_new(path);
  for (int i = 0; i < 40; i++) {
    struct child writer = start(keep_writing, path);
    await(&writer);
    usleep((useconds_t)(i * 371));
    stop(&writer);
    struct mtasts_cache *cache;
    CU_ASSERT_EQUAL_FATAL(mtasts_cache_open(path, &cache), MTASTS_OK);
    struct mtasts_cache_stats stats = count(cache);
    unit_check(stats.policies > 0 && stats.policies % 2 == 0 && stats.corrupt == 0,
               "%u policies, %u corrupt", (unsigned)stats.policies, (unsigned)stats.corrupt);
    mtasts_cache_close(cache);
  }
  directory_free(path);
}

/* Keeps reading in one transaction, which is forbidden. */
static void keep_reading(const char *path, int told) {
  struct mtasts_cache *cache;
  struct mtasts_reader *reader;
  if (mtasts_cache_open(path, &cache) != MTASTS_OK ||
      mtasts_reader_new(cache, &reader) != MTASTS_OK || mtasts_reader_begin(reader) != 0)
    _exit(1);
  tell(told);
  wait_for_ever();
}

static void keep_sentence(void *context, const char *sentence) {
  snprintf(context, 256, "%s", sentence);
}

static void test_readers(void) {
  char path[32];
  char warned[256] = "";
  char pid[32];
  struct sample sample;
  struct mtasts_store *store;
  struct mtasts_store_options options = mtasts_store_defaults;
  options.warn = keep_sentence;
  options.context = warned;
  directory_new(path);
  mtasts_store_close(store_open(path)); /* a child that is forked now inherits no lock */
  struct child reader = start(keep_reading, path);
  await(&reader);
  store = store_open(path);
  for (int i = 0; i < 100; i++) {
    store_put(store, "a.example", policy(&sample, "1"));
    CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  }
  mtasts_store_close(store);

  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  store_put(store, "a.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  snprintf(pid, sizeof pid, "process %d ", (int)reader.pid);
  unit_check(strstr(warned, pid) != NULL, "%s: %s", pid, warned);
  warned[0] = '\0';
  store_put(store, "a.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(warned, ""); /* not again within the minute */
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).readers, 1);
  mtasts_store_close(store);

  struct child another = start(keep_reading, path);
  await(&another);
  stop(&reader);
  store = store_open(path); /* clears the slot of the dead alone */
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).readers, 1);
  stop(&another);
  mtasts_store_close(store);
  directory_free(path);
}

/* Holds a transaction of LMDB's own for as long as it lives. */
static void stall(const char *path, int told) {
  MDB_env *env;
  MDB_txn *txn;
  if (mdb_env_create(&env) != 0 || mdb_env_open(env, path, MDB_RDONLY, 0) != 0 ||
      mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0)
    _exit(1);
  tell(told);
  wait_for_ever();
}

enum {
  STALLED_POLICIES = 20000,
  STALLED_STEP = 7919,    /* between two updates, so that each touches a page of its own */
  STALLED_MAP = 96 << 20, /* bytes; 20,000 updates that free no page pass 80 % of it */
};

/* How often each was said. */
struct said {
  char pid[32];
  unsigned named, paused, resumed;
};

static void count_sentence(void *context, const char *sentence) {
  struct said *said = context;
  said->named += strstr(sentence, said->pid) != NULL && strstr(sentence, "restart") != NULL;
  said->paused += strstr(sentence, "not stored until") != NULL;
  said->resumed += strstr(sentence, "stored again") != NULL;
}

static void put_policies(struct mtasts_store *store, const char *id) {
  struct sample sample;
  policy(&sample, id);
  for (int i = 0; i < STALLED_POLICIES; i++)
    store_put(store, domain("p%d.example", i * STALLED_STEP % STALLED_POLICIES).name,
              &sample.entry);
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
}

static enum mtasts_status put_absent(struct mtasts_store *store, const char *name) {
  struct sample sample;
  struct mtasts_domain key = domain("%s", name);
  return mtasts_store_put(store, &key, absent(&sample), NOW);
}

static void test_stalled_reader(void) {
  char path[32];
  struct mtasts_store *store;
  struct mtasts_entry entry;
  struct said said = {.named = 0};
  struct mtasts_store_options options = mtasts_store_defaults;
  options.map_size = options.map_size_max = STALLED_MAP;
  options.warn = count_sentence;
  options.context = &said;
  directory_new(path);
  mtasts_store_close(store_open(path)); /* the child inherits no lock */
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  put_policies(store, "old");
  mtasts_store_close(store);
  struct child reader = start(stall, path);
  await(&reader);
  snprintf(said.pid, sizeof said.pid, "process %d ", (int)reader.pid);
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);

  CU_ASSERT_EQUAL(put_absent(store, "early.example"), MTASTS_OK);
  put_policies(store, "new");
  unit_check(said.named == 1 && said.paused == 1 && said.resumed == 0,
             "said: %u times who, %u paused, %u resumed", said.named, said.paused, said.resumed);
  CU_ASSERT_EQUAL(put_absent(store, "junk.example"), MTASTS_FULL);
  CU_ASSERT_EQUAL(put_absent(store, "early.example"), MTASTS_FULL);
  CU_ASSERT_EQUAL(mtasts_store_pending(store), 0);
  unsigned written = 0;
  for (int i = 0; i < STALLED_POLICIES; i++)
    written +=
        look_up(mtasts_store_cache(store), domain("p%d.example", i).name, &entry) == MTASTS_OK &&
        strcmp(entry.policy_id, "new") == 0;
  CU_ASSERT_EQUAL(written, STALLED_POLICIES);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "early.example", &entry), MTASTS_OK);

  /* The next answer without a policy notices that it is over, though nothing was committed. */
  stop(&reader);
  CU_ASSERT_EQUAL(put_absent(store, "junk.example"), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "junk.example", &entry), MTASTS_OK);
  unit_check(said.named == 1 && said.paused == 1 && said.resumed == 1,
             "said: %u times who, %u paused, %u resumed", said.named, said.paused, said.resumed);
  mtasts_store_close(store);
  directory_free(path);
}

struct opened {
  struct mtasts_store *store;
  struct mtasts_cache *cache;
  struct mtasts_reader *reader;
};

static int use_parents(void *context) {
  struct opened *opened = context;
  struct mtasts_domain a = domain("a.example");
  struct mtasts_entry entry;
  struct mtasts_reader *reader;
  struct mtasts_cache_stats stats;
  struct sample sample;
  uint64_t n;
  if (mtasts_reader_get(opened->reader, &a, &entry) != MTASTS_FORKED ||
      mtasts_reader_new(opened->cache, &reader) != MTASTS_FORKED ||
      mtasts_cache_count(opened->cache, NOW, &stats) != MTASTS_FORKED ||
      mtasts_store_put(opened->store, &a, absent(&sample), NOW) != MTASTS_FORKED ||
      mtasts_store_flush(opened->store) != MTASTS_FORKED ||
      mtasts_store_remove(opened->store, &a) != MTASTS_FORKED ||
      mtasts_store_expire(opened->store, NOW, &n) != MTASTS_FORKED ||
      mtasts_store_clear(opened->store, &n) != MTASTS_FORKED ||
      mtasts_store_repair(opened->store, &n) != MTASTS_FORKED ||
      mtasts_store_compact(opened->store, &n, &n) != MTASTS_FORKED)
    return 1;
  /* What LMDB allocated cannot be freed in a child; valgrind is to see that it is known. */
  static const void *volatile left[2];
  left[0] = opened->cache->env;
  left[1] = opened->reader->txn;
  mtasts_reader_free(opened->reader);
  mtasts_store_close(opened->store);
  return left[0] && left[1] ? 0 : 2;
}

static void test_fork(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_domain a = domain("a.example");
  struct opened opened;
  directory_new(path);
  opened.store = store_open(path);
  opened.cache = mtasts_store_cache(opened.store);
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(opened.cache, &opened.reader), MTASTS_OK);
  store_put(opened.store, "a.example", policy(&sample, "1"));
  mtasts_store_flush(opened.store);
  store_put(opened.store, "b.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(in_child(use_parents, &opened), 0);
  /* The child closed its copies; the parent's work as before. */
  CU_ASSERT_EQUAL(mtasts_reader_get(opened.reader, &a, &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(count(opened.cache).readers, 1);
  CU_ASSERT_EQUAL(mtasts_store_flush(opened.store), MTASTS_OK);
  CU_ASSERT_EQUAL(look_up(opened.cache, "b.example", &entry), MTASTS_OK);
  mtasts_reader_free(opened.reader);
  mtasts_store_close(opened.store);
  directory_free(path);
}

/* Exits with the number of reads of a.example under another id than "old"; 255: an error. */
static void read_old(const char *path, int told) {
  struct mtasts_cache *cache;
  struct mtasts_reader *reader;
  struct mtasts_entry entry;
  if (mtasts_cache_open(path, &cache) != MTASTS_OK ||
      mtasts_reader_new(cache, &reader) != MTASTS_OK)
    _exit(1);
  for (unsigned i = 0;; i++) {
    if (mtasts_reader_get(reader, &(struct mtasts_domain){"a.example", 9}, &entry) != MTASTS_OK ||
        strcmp(entry.policy_id, "old") != 0)
      _exit(1);
    if (i % 1000 == 0)
      tell(told);
  }
}

/* Is the meta page that readers are led to, by the lock file's transaction, the newest one? */
static void check_parity(struct mtasts_cache *cache) {
  struct mtasts_reader *reader;
  MDB_envinfo info;
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(cache, &reader), MTASTS_OK);
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_begin(reader), 0);
  CU_ASSERT_EQUAL(mdb_env_info(cache->env, &info), 0);
  CU_ASSERT_EQUAL(mdb_txn_id(reader->txn) % 2, info.me_last_txnid % 2);
  mtasts_reader_end(reader);
  mtasts_reader_free(reader);
}

/* Readers keep the old file and share its lock file with the writer of the new one. After odd and
 * after even numbers of commits, since LMDB chooses its meta page by that. */
static void test_compacted_under_readers(void) {
  for (int commits = 1; commits <= 4; commits++) {
    char path[32];
    struct sample sample;
    struct mtasts_entry entry;
    uint64_t before, after;
    directory_new(path);
    struct mtasts_store *store = store_open(path);
    for (int i = 0; i < commits; i++) {
      store_put(store, "a.example", policy(&sample, "old"));
      CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
    }
    mtasts_store_close(store);
    struct child reader = start(read_old, path);
    await(&reader);
    store = store_open(path);
    for (int round = 0; round < 3; round++) {
      CU_ASSERT_EQUAL(mtasts_store_compact(store, &before, &after), MTASTS_OK);
      check_parity(mtasts_store_cache(store));
      CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "a.example", &entry), MTASTS_OK);
      for (int i = 0; i < 20 + round; i++) {
        store_put(store, domain("r%dn%d.example", round, i).name, policy(&sample, "new"));
        CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
      }
      store_put(store, "a.example", policy(&sample, "new"));
      CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
      CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "a.example", &entry), MTASTS_OK);
      CU_ASSERT_STRING_EQUAL(entry.policy_id, "new");
    }
    CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).policies, 64);
    CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).corrupt, 0);
    for (int i = 0; i < 3; i++)
      await(&reader); /* still reads, and still the old */
    stop(&reader);
    mtasts_store_close(store);
    directory_free(path);
  }
}

struct shared {
  struct mtasts_cache *cache;
  atomic_bool stop;
  atomic_uint gets;
  atomic_uint errors;
};

static void *read_in_thread(void *context) {
  struct shared *shared = context;
  while (!atomic_load(&shared->stop)) {
    struct mtasts_reader *reader;
    struct mtasts_entry entry;
    struct mtasts_domain a = domain("a.example");
    if (mtasts_reader_new(shared->cache, &reader) != MTASTS_OK) {
      atomic_fetch_add(&shared->errors, 1);
      break;
    }
    for (int i = 0; i < 200; i++)
      if (mtasts_reader_get(reader, &a, &entry) != MTASTS_OK ||
          strcmp(entry.record_id, entry.policy_id) != 0)
        atomic_fetch_add(&shared->errors, 1);
    atomic_fetch_add(&shared->gets, 200);
    mtasts_reader_free(reader);
  }
  return NULL;
}

static void test_threads(void) {
  char path[32];
  struct sample sample;
  struct mtasts_store_options options = mtasts_store_defaults;
  struct mtasts_store *store;
  pthread_t threads[3];
  options.map_size = 64 << 10; /* so that it grows, again and again, under the readers */
  directory_new(path);
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(path, &options, &store), MTASTS_OK);
  store_put(store, "a.example", policy(&sample, "0"));
  mtasts_store_flush(store);
  struct shared shared = {.cache = mtasts_store_cache(store)};
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, read_in_thread, &shared), 0);
  for (int i = 0; i < 20000 || atomic_load(&shared.gets) < 1000; i++) {
    store_put(store, domain("p%d.example", i).name, policy(&sample, "1"));
    if (i % 50 == 0) {
      char id[16];
      snprintf(id, sizeof id, "%d", i);
      store_put(store, "a.example", policy(&sample, id));
    }
  }
  atomic_store(&shared.stop, true);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  CU_ASSERT_EQUAL(atomic_load(&shared.errors), 0);
  CU_ASSERT(count(mtasts_store_cache(store)).space.map_size >= 8 << 20);
  mtasts_store_close(store);
  directory_free(path);
}

/* Takes all slots of the table of readers. */
static void crowd(const char *path, int told) {
  struct mtasts_cache *cache;
  struct mtasts_reader *reader;
  if (mtasts_cache_open(path, &cache) != MTASTS_OK)
    _exit(1);
  while (mtasts_reader_new(cache, &reader) == MTASTS_OK)
    continue;
  tell(told);
  wait_for_ever();
}

/* If live processes hold all slots, the error names them; slots of dead processes are reused. */
static void test_full_table(void) {
  static unsigned char value[MTASTS_ENTRY_SIZE_MAX];
  char path[32];
  struct mtasts_cache *cache;
  struct mtasts_store *store;
  struct sample sample;
  struct mtasts_entry entry;
  directory_new(path);
  store = store_open(path);
  store_put(store, "a.example", policy(&sample, "1"));
  mtasts_store_close(store);
  struct child crowding = start(crowd, path);
  await(&crowding);
  enum mtasts_status status = mtasts_cache_open(path, &cache);
  CU_ASSERT(status == MTASTS_IO && errno == EUSERS);
  CU_ASSERT_PTR_NOT_NULL(strstr(mtasts_env_reason(status, errno), "fuser"));
  status = mtasts_store_open(path, &mtasts_store_defaults, &store);
  CU_ASSERT(status == MTASTS_IO && errno == EUSERS);
  struct mtasts_domain key = domain("a.example");
  CU_ASSERT_EQUAL(mtasts_tree_read(path, &key, value, &entry), MTASTS_OK);
  stop(&crowding);
  CU_ASSERT_EQUAL_FATAL(mtasts_cache_open(path, &cache), MTASTS_OK);
  CU_ASSERT_EQUAL(look_up(cache, "a.example", &entry), MTASTS_OK);
  mtasts_cache_close(cache);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"a full table of readers is named, and cleared of the dead", test_full_table},
    {"readers see whole commits while another process writes", test_one_writes_many_read},
    {"killed writers leave a cache that can be read", test_killed_writers},
    {"who lags is named, who died is cleared", test_readers},
    {"a reader that stalls is named, and what is left is for policies", test_stalled_reader},
    {"a child is refused, and does its parent no harm", test_fork},
    {"compacting under other processes' readers", test_compacted_under_readers},
    {"threads read while the map is replaced", test_threads},
    {NULL, NULL},
};
