/* How much of a damaged cache is read before the first answer. */
#include "cache_open.h"

#include <sysexits.h>

#include "../cache/damage.h"
#include "files.h"

const char *const unit_name = "daemon/cache_open";

enum {
  LARGE = 5 << 20, /* bytes: too long to be read before the first answer */
};

struct place {
  char path[32];
  struct mtasts_daemon_main program;
  struct mtasts_config *config;
  struct mtasts_stats stats;
  struct mtasts_cache_opening opening;
};

static void place_new(struct place *place) {
  char text[128];
  char error[MTASTS_ERROR_TEXT];
  *place = (struct place){.program = {.name = "test"}};
  make_cache(place->path);
  int length = snprintf(text, sizeof text, "cache {\n directory = \"%s\"\n}\n", place->path);
  CU_ASSERT_EQUAL_FATAL(mtasts_config_parse((struct mtasts_span){text, (size_t)length}, "test",
                                            error, &place->config),
                        MTASTS_OK);
}

/* Opens; returns the number of policies in the new file. */
static uint64_t open_it(struct place *place) {
  place->opening = (struct mtasts_cache_opening){
      .program = &place->program, .config = place->config, .stats = &place->stats};
  CU_ASSERT_EQUAL_FATAL(mtasts_cache_open_writer(&place->opening), EX_OK);
  struct mtasts_cache *cache = mtasts_store_cache(place->opening.store);
  return mtasts_cache_waits(cache) ? 0 : count(cache).policies;
}

static void place_free(struct place *place, bool damaged) {
  char file[PATH_SIZE];
  if (damaged) {
    file_path(file, place->path, MTASTS_FILE_DAMAGED);
    CU_ASSERT_EQUAL(unlink(file), 0);
    file_path(file, place->path, MTASTS_FILE_SALVAGE);
    unlink(file);
  }
  mtasts_config_free(place->config);
  directory_free(place->path);
}

static void lengthen(const struct place *place, const char *name) {
  char file[PATH_SIZE];
  file_path(file, place->path, name);
  CU_ASSERT_EQUAL(truncate(file, LARGE), 0);
}

/* Garbage in the meta pages, so that the file is damaged at the first look. */
static void spoil(const struct place *place) {
  char file[PATH_SIZE];
  static const char garbage[2 * 4096];
  file_path(file, place->path, MTASTS_FILE_DATA);
  int fd = open(file, O_WRONLY | O_CLOEXEC);
  CU_ASSERT_EQUAL(pwrite(fd, garbage, sizeof garbage, 0), sizeof garbage);
  close(fd);
}

static void check_left_to_the_loop(struct place *place) {
  struct mtasts_entry entry;
  CU_ASSERT_EQUAL(open_it(place), 0);
  CU_ASSERT_TRUE(mtasts_store_salvaging(place->opening.store));
  enum mtasts_status status =
      look_up(mtasts_store_cache(place->opening.store), "p1.example", &entry);
  unit_check(status == MTASTS_OK || status == MTASTS_IO, "%s", mtasts_status_name(status));
  CU_ASSERT_EQUAL(mtasts_count_get(&place->stats, MTASTS_COUNT_CACHE_DAMAGES), 1);
  mtasts_store_close(place->opening.store);
}

static void sound(void) {
  struct place place;
  place_new(&place);
  CU_ASSERT_EQUAL(open_it(&place), POLICIES);
  CU_ASSERT_FALSE(mtasts_store_salvaging(place.opening.store));
  CU_ASSERT_EQUAL(mtasts_count_get(&place.stats, MTASTS_COUNT_CACHE_DAMAGES), 0);
  mtasts_store_close(place.opening.store);
  place_free(&place, false);
}

static void small(void) {
  struct place place;
  place_new(&place);
  spoil(&place);
  CU_ASSERT_EQUAL(open_it(&place), POLICIES);
  CU_ASSERT_FALSE(mtasts_store_salvaging(place.opening.store));
  CU_ASSERT_FALSE(mtasts_salvage_marked(place.path));
  CU_ASSERT_EQUAL(mtasts_count_get(&place.stats, MTASTS_COUNT_CACHE_DAMAGES), 1);
  mtasts_store_close(place.opening.store);
  place_free(&place, true);
}

static void large(void) {
  struct place place;
  place_new(&place);
  lengthen(&place, MTASTS_FILE_DATA);
  spoil(&place);
  check_left_to_the_loop(&place);
  place_free(&place, true);
}

/* The process died in the middle of a large salvage. */
static void large_rest(void) {
  struct place place;
  place_new(&place);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(place.path, NULL), MTASTS_OK);
  lengthen(&place, MTASTS_FILE_DAMAGED);
  check_left_to_the_loop(&place);
  place_free(&place, true);
}

/* The new file is large as well, and was not closed in order: it must be checked first. */
static void large_both(void) {
  struct place place;
  place_new(&place);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(place.path, NULL), MTASTS_OK);
  mtasts_store_close(store_open(place.path));
  lengthen(&place, MTASTS_FILE_DAMAGED);
  lengthen(&place, MTASTS_FILE_DATA);
  check_left_to_the_loop(&place);
  place_free(&place, true);
}

static void small_rest(void) {
  struct place place;
  place_new(&place);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(place.path, NULL), MTASTS_OK);
  CU_ASSERT_EQUAL(open_it(&place), POLICIES);
  CU_ASSERT_EQUAL(mtasts_count_get(&place.stats, MTASTS_COUNT_CACHE_DAMAGES), 1);
  CU_ASSERT_FALSE(mtasts_salvage_marked(place.path));
  mtasts_store_close(place.opening.store);
  place_free(&place, true);
}

const struct unit_test unit_tests[] = {
    {"a sound cache", sound},
    {"a small damaged cache is salvaged at once", small},
    {"a large damaged cache is salvaged behind the first answers", large},
    {"so is the rest of one", large_rest},
    {"so is the rest of one, if the new file must be checked", large_both},
    {"the rest of a small one is salvaged at once", small_rest},
    {NULL, NULL},
};
