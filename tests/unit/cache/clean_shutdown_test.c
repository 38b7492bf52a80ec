/* The clean-shutdown mark of a cache that was closed in order: with it nothing is checked, without
 * it all is. */
#include "clean_shutdown.h"

#include <errno.h>

#include "fixture.h"
#include "tree_check.h"

const char *const unit_name = "cache/clean_shutdown";

enum {
  PAGE = 4096,
};

struct place {
  char path[32];
  int directory;
  int lock; /* writer.lock */
  int data; /* data.mdb */
};

static void fill(const char *path) {
  struct sample sample;
  struct mtasts_store *store = store_open(path);
  for (int i = 0; i < 500; i++) {
    struct mtasts_domain key = domain("d%d.example", i);
    CU_ASSERT_EQUAL(mtasts_store_put(store, &key, policy(&sample, "1"), NOW), MTASTS_OK);
  }
  mtasts_store_close(store);
}

static struct place place_new(void) {
  struct place place;
  directory_new(place.path);
  fill(place.path);
  place.directory = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  place.lock = openat(place.directory, "writer.lock", O_RDWR | O_CLOEXEC);
  place.data = openat(place.directory, "data.mdb", O_RDWR | O_CLOEXEC);
  CU_ASSERT_FATAL(place.lock >= 0 && place.data >= 0);
  return place;
}

static void place_free(struct place *place) {
  close(place->data);
  close(place->lock);
  close(place->directory);
  directory_free(place->path);
}

/* Garbage in the page of most entries: a check finds it. */
static void damage(const struct place *place) {
  unsigned char garbage[PAGE];
  struct stat file;
  CU_ASSERT_EQUAL_FATAL(fstat(place->data, &file), 0);
  memset(garbage, 0x41, sizeof garbage);
  for (off_t at = 2 * PAGE; at < file.st_size; at += PAGE)
    CU_ASSERT_EQUAL(pwrite(place->data, garbage, sizeof garbage, at), sizeof garbage);
  CU_ASSERT_EQUAL(mtasts_tree_check(place->path), MTASTS_CORRUPT);
}

/* Damaged, and stamped for all that. */
static struct place damaged_with_stamp(void) {
  struct place place = place_new();
  damage(&place);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_check(place.path),
                  MTASTS_CORRUPT); /* the first one does not fit */
  CU_ASSERT_EQUAL(ftruncate(place.lock, 0), 0);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_write(place.directory, place.lock), 0);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_check(place.path), MTASTS_OK);
  return place;
}

static void test_fits(void) {
  struct place place = damaged_with_stamp();
  struct stat before;
  struct stat after;
  CU_ASSERT_EQUAL(fstat(place.lock, &before), 0);
  CU_ASSERT(before.st_size > 0);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_clear(place.lock), 0);
  CU_ASSERT_EQUAL(fstat(place.lock, &after), 0);
  CU_ASSERT_EQUAL(after.st_size, 0);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_check(place.path), MTASTS_CORRUPT);
  place_free(&place);
}

static int syncs_to_fail;

/* In the place of the C library's. */
int fsync(int fd) {
  if (syncs_to_fail == 0)
    return fdatasync(fd);
  syncs_to_fail--;
  errno = EIO;
  return -1;
}

/* Nothing is written until the removal of the mark is synced. */
static void test_not_synced(void) {
  struct place place = place_new();
  syncs_to_fail = 2;
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_clear(place.lock), EIO);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_clear(place.lock), EIO);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_clear(place.lock), 0);
  syncs_to_fail = 0;
  place_free(&place);
}

static void touch_times(const struct place *place) {
  struct stat file;
  fstat(place->data, &file);
  const struct timespec times[] = {file.st_atim, file.st_mtim}; /* as they were */
  CU_ASSERT_EQUAL(futimens(place->data, times), 0);
}

static void change_mode(const struct place *place) {
  CU_ASSERT_EQUAL(fchmod(place->data, 0600), 0);
}

static void write_same(const struct place *place) {
  unsigned char page[PAGE];
  CU_ASSERT_EQUAL(pread(place->data, page, sizeof page, 3 * PAGE), sizeof page);
  CU_ASSERT_EQUAL(pwrite(place->data, page, sizeof page, 3 * PAGE), sizeof page);
}

static void lengthen(const struct place *place) {
  struct stat file;
  fstat(place->data, &file);
  CU_ASSERT_EQUAL(ftruncate(place->data, file.st_size + PAGE), 0);
}

static void replace(const struct place *place) {
  struct stat file;
  fstat(place->data, &file);
  int copy = openat(place->directory, "copy", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  CU_ASSERT_EQUAL(copy_file_range(place->data, NULL, copy, NULL, (size_t)file.st_size, 0),
                  file.st_size);
  const struct timespec times[] = {file.st_atim, file.st_mtim};
  futimens(copy, times);
  close(copy);
  CU_ASSERT_EQUAL(renameat(place->directory, "copy", place->directory, "data.mdb"), 0);
}

static void garble_stamp(const struct place *place) {
  CU_ASSERT_EQUAL(pwrite(place->lock, "C", 1, 0), 1);
}

static void lengthen_stamp(const struct place *place) {
  struct stat file;
  fstat(place->lock, &file);
  CU_ASSERT_EQUAL(pwrite(place->lock, "1", 1, file.st_size), 1);
}

/* Only the owner of both files may believe it. */
static void test_owners(void) {
  if (geteuid() != 0) {
    unit_skip("not root: a stamp of another user");
    return;
  }
  struct place place = damaged_with_stamp();
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_check(place.path), MTASTS_OK);
  CU_ASSERT_EQUAL(fchown(place.lock, 65534, 65534), 0);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_check(place.path), MTASTS_CORRUPT);
  place_free(&place);
}

static void test_touched(void) {
  static const struct {
    const char *what;
    void (*touch)(const struct place *place);
  } cases[] = {
      {"times that were set", touch_times}, {"another mode", change_mode},
      {"the same bytes again", write_same}, {"a longer file", lengthen},
      {"a copy in its place", replace},     {"a garbled stamp", garble_stamp},
      {"a longer stamp", lengthen_stamp},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct place place = damaged_with_stamp();
    usleep(20000); /* the clock of files ticks slowly */
    cases[i].touch(&place);
    unit_check(mtasts_clean_shutdown_check(place.path) == MTASTS_CORRUPT, "%s: not checked",
               cases[i].what);
    place_free(&place);
  }
}

static off_t stamp_size(const struct place *place) {
  struct stat file;
  return fstat(place->lock, &file) == 0 ? file.st_size : -1;
}

/* No clean-shutdown mark while a writer lives, none after it was killed, one after the next that
 * ends in order.
 */
static void test_writers(void) {
  struct place place = place_new();
  struct sample sample;
  CU_ASSERT(stamp_size(&place) > 0);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_check(place.path), MTASTS_OK);
  pid_t child = fork();
  CU_ASSERT_FATAL(child >= 0);
  if (child == 0) {
    struct mtasts_store *store = store_open(place.path);
    store_put(store, "crash.example", policy(&sample, "1"));
    mtasts_store_flush(store);
    _exit(stamp_size(&place) == 0 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CU_ASSERT_EQUAL(status, 0);
  CU_ASSERT_EQUAL(stamp_size(&place), 0);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_check(place.path),
                  MTASTS_OK); /* it is sound, and was looked at */
  fill(place.path);
  CU_ASSERT(stamp_size(&place) > 0);
  damage(&place);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_check(place.path), MTASTS_CORRUPT);
  place_free(&place);
}

/* A file that was put in the place of an open one is not what the writer has closed. */
static void test_restored(void) {
  struct place place = place_new();
  struct sample sample;
  struct mtasts_store *store = store_open(place.path);
  replace(&place);
  store_put(store, "new.example", policy(&sample, "1"));
  mtasts_store_close(store);
  CU_ASSERT_EQUAL(stamp_size(&place), 0);
  place_free(&place);
}

/* A child that closes what its parent has opened says nothing about the file. */
static void test_child(void) {
  struct place place = place_new();
  struct mtasts_store *store = store_open(place.path);
  pid_t child = fork();
  CU_ASSERT_FATAL(child >= 0);
  if (child == 0) {
    mtasts_store_close(store);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  CU_ASSERT_EQUAL(stamp_size(&place), 0);
  mtasts_store_close(store);
  CU_ASSERT(stamp_size(&place) > 0);
  place_free(&place);
}

static void test_nothing(void) {
  char path[32];
  directory_new(path);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_check(path), MTASTS_OK);
  directory_free(path);
  CU_ASSERT_EQUAL(mtasts_clean_shutdown_check(path), MTASTS_OK);
}

const struct unit_test unit_tests[] = {
    {"a file with a mark that fits is not checked", test_fits},
    {"a mark whose removal was not synced is removed again", test_not_synced},
    {"what was touched since is checked", test_touched},
    {"another user's mark is not believed", test_owners},
    {"writers remove the mark, and write one at their end", test_writers},
    {"a file that was restored meanwhile gets no mark", test_restored},
    {"a child writes no mark", test_child},
    {"no cache is no damage", test_nothing},
    {NULL, NULL},
};
