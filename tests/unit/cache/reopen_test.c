/* A write of a meta page fails, after which LMDB neither writes nor reads in its environment. The
 * disk that fails is ours: LMDB writes its pages by pwrite, and finds the one below. */
#include <errno.h>
#include <sys/syscall.h>

#include "clean_shutdown.h"
#include "fixture.h"

const char *const unit_name = "cache/reopen";

static unsigned failures; /* of writes to the meta pages, that are to come */

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *bytes, size_t size,
                                                      off_t at) {
  if (at < 8192 && size < 4096 && failures > 0) {
    failures--;
    errno = EIO;
    return -1;
  }
  return syscall(SYS_pwrite64, fd, bytes, size, at);
}

static enum mtasts_status get(struct mtasts_reader *reader, const char *name) {
  struct mtasts_domain key = domain("%s", name);
  struct mtasts_entry entry;
  return mtasts_reader_get(reader, &key, &entry);
}

struct place {
  char path[32];
  struct mtasts_store *store;
  struct mtasts_reader *reader;
};

static struct place place_new(void) {
  struct place place;
  struct sample sample;
  directory_new(place.path);
  place.store = store_open(place.path);
  store_put(place.store, "old.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(place.store), MTASTS_OK);
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(mtasts_store_cache(place.store), &place.reader),
                        MTASTS_OK);
  CU_ASSERT_EQUAL(get(place.reader, "old.example"), MTASTS_OK);
  return place;
}

static void place_free(struct place *place) {
  struct stat lock;
  char file[PATH_SIZE];
  mtasts_reader_free(place->reader);
  mtasts_store_close(place->store);
  file_path(file, place->path, "writer.lock");
  CU_ASSERT(stat(file, &lock) == 0 &&
            lock.st_size == 0); /* no clean-shutdown mark: all is looked at */
  struct mtasts_store *store = store_open(place->path);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(store)).policies, 2);
  mtasts_store_close(store);
  directory_free(place->path);
}

/* LMDB writes the old page back if a new one fails, so one commit causes two failures. */
static void test_once(void) {
  struct place place = place_new();
  struct sample sample;
  store_put(place.store, "new.example", policy(&sample, "1"));
  failures = 2;
  CU_ASSERT_EQUAL(mtasts_store_flush(place.store), MTASTS_OK); /* the second time */
  CU_ASSERT_EQUAL(failures, 0);
  CU_ASSERT_EQUAL(get(place.reader, "old.example"), MTASTS_OK);
  CU_ASSERT_EQUAL(get(place.reader, "new.example"), MTASTS_OK);
  place_free(&place);
}

/* For as long as the disk fails nothing is written, and all is read; then all is written. */
static void test_for_a_while(void) {
  struct place place = place_new();
  struct sample sample;
  store_put(place.store, "new.example", policy(&sample, "1"));
  failures = 1000;
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(mtasts_store_flush(place.store), MTASTS_IO);
    CU_ASSERT_EQUAL(get(place.reader, "old.example"), MTASTS_OK);
    CU_ASSERT_EQUAL(get(place.reader, "new.example"), MTASTS_ABSENT);
  }
  failures = 0;
  CU_ASSERT_EQUAL(mtasts_store_pending(place.store), 1);
  CU_ASSERT_EQUAL(mtasts_store_flush(place.store), MTASTS_OK);
  CU_ASSERT_EQUAL(get(place.reader, "new.example"), MTASTS_OK);
  place_free(&place);
}

/* Removing and expiring fail in the same way. */
static void test_sweeps(void) {
  struct place place = place_new();
  struct sample sample;
  uint64_t removed;
  store_put(place.store, "new.example", policy(&sample, "1"));
  store_put(place.store, "absent.example", absent(&sample));
  CU_ASSERT_EQUAL(mtasts_store_flush(place.store), MTASTS_OK);
  failures = 2;
  CU_ASSERT_EQUAL(mtasts_store_expire(place.store, NOW + 90000, &removed), MTASTS_IO);
  failures = 0;
  CU_ASSERT_EQUAL(get(place.reader, "old.example"), MTASTS_OK);
  CU_ASSERT_EQUAL(count(mtasts_store_cache(place.store)).policies, 2);
  CU_ASSERT_EQUAL(mtasts_store_expire(place.store, NOW + 90000, &removed), MTASTS_OK);
  CU_ASSERT_EQUAL(removed, 1);
  place_free(&place);
}

/* The environment is lost and cannot be had back: what is in the file governs all the same. */
static void test_lost(void) {
  struct place place = place_new();
  struct mtasts_cache *cache = mtasts_store_cache(place.store);
  struct sample sample;
  char file[PATH_SIZE];
  char away[PATH_SIZE];
  file_path(file, place.path, "lock.mdb");
  file_path(away, place.path, "away");
  CU_ASSERT_EQUAL(rename(file, away), 0);
  CU_ASSERT_NOT_EQUAL(mtasts_env_reopen(cache, 0, 0), 0);
  CU_ASSERT_PTR_NULL(cache->env);
  CU_ASSERT_EQUAL(get(place.reader, "old.example"), MTASTS_OK);
  CU_ASSERT_EQUAL(get(place.reader, "no.example"), MTASTS_ABSENT);
  store_put(place.store, "new.example", policy(&sample, "1"));
  CU_ASSERT_NOT_EQUAL(mtasts_store_flush(place.store), MTASTS_OK);
  CU_ASSERT_EQUAL(rename(away, file), 0);
  CU_ASSERT_EQUAL(mtasts_store_flush(place.store), MTASTS_OK);
  CU_ASSERT_EQUAL(get(place.reader, "new.example"), MTASTS_OK);
  place_free(&place);
}

/* While the writer replaces the map, it holds each reader. The front loop does not wait for it. */
static int read_while_held(void *context) {
  struct place *place = context;
  alarm(10);
  bool good = get(place->reader, "old.example") == MTASTS_OK &&
              get(place->reader, "no.example") == MTASTS_ABSENT;
  return good ? 0 : 1;
}

static int hold_and_read(void *context) {
  struct place place = place_new();
  (void)context;
  mtasts_reader_lock(place.reader);
  int status = read_while_held(&place);
  mtasts_reader_unlock(place.reader);
  status |= read_while_held(&place);
  place_free(&place);
  return status;
}

static void test_map_replaced(void) {
  CU_ASSERT_EQUAL(in_child(hold_and_read, NULL), 0);
}

/* Whatever failed, writing counts as failing until a write has succeeded, though nothing is left to
 * be written: /healthz reports it until then. */
static void test_until_mended(void) {
  struct place place = place_new();
  struct sample sample;
  uint64_t removed;
  CU_ASSERT(!mtasts_store_fails(place.store));
  store_put(place.store, "new.example", policy(&sample, "1"));
  store_put(place.store, "absent.example", absent(&sample));
  CU_ASSERT_EQUAL(mtasts_store_flush(place.store), MTASTS_OK);
  failures = 1000;
  CU_ASSERT_EQUAL(mtasts_store_expire(place.store, NOW + 90000, &removed), MTASTS_IO);
  CU_ASSERT(mtasts_store_fails(place.store));
  CU_ASSERT_EQUAL(mtasts_store_flush(place.store), MTASTS_OK); /* there is nothing to write */
  CU_ASSERT(mtasts_store_fails(place.store));
  CU_ASSERT_EQUAL(mtasts_store_try(place.store), MTASTS_IO);
  CU_ASSERT(mtasts_store_fails(place.store));
  failures = 0;
  CU_ASSERT_EQUAL(get(place.reader, "old.example"), MTASTS_OK);
  CU_ASSERT(mtasts_store_fails(place.store));
  CU_ASSERT_EQUAL(mtasts_store_try(place.store), MTASTS_OK);
  CU_ASSERT(!mtasts_store_fails(place.store));
  CU_ASSERT_EQUAL(mtasts_store_expire(place.store, NOW + 90000, &removed), MTASTS_OK);
  place_free(&place);
}

const struct unit_test unit_tests[] = {
    {"a look-up does not wait while the map is replaced", test_map_replaced},
    {"a meta page that could not be written once", test_once},
    {"a disk that fails for a while", test_for_a_while},
    {"a sweep that fails", test_sweeps},
    {"writing fails until a write succeeds", test_until_mended},
    {"an environment that is lost is read without", test_lost},
    {NULL, NULL},
};
