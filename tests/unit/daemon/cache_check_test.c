/* A damaged cache in the net loop: it is replaced and salvaged in steps, and what fails is tried
 * again. */
#include "cache_check.h"

#include <event2/event.h>
#include <sys/syscall.h>
#include <time.h>

#include "../cache/damage.h"
#include "files.h"
#include "salvage.h"

const char *const unit_name = "daemon/cache_check";

static time_t skew; /* seconds that the monotonic clock is ahead, so that no test waits */

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)
    now->tv_sec += skew;
  return result;
}

struct place {
  char path[32];
  struct event_base *base;
  struct mtasts_stats stats;
  struct mtasts_admission admission;
  unsigned admitted;
};

static void count_it(void *context) {
  struct place *place = context;
  place->admitted++;
}

static void place_open(struct place *place, bool unchecked) {
  struct mtasts_store_options options = mtasts_store_defaults;
  options.unchecked = unchecked;
  place->base = event_base_new();
  place->admission =
      (struct mtasts_admission){.stats = &place->stats, .admitted = count_it, .context = place};
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(place->path, &options, &place->admission.store),
                        MTASTS_OK);
  CU_ASSERT_TRUE_FATAL(mtasts_admission_open(&place->admission, place->base, place->path));
}

static void place_close(struct place *place) {
  struct mtasts_store *store = place->admission.store;
  mtasts_admission_close(&place->admission);
  mtasts_store_close(store);
  event_base_free(place->base);
}

static void place_free(struct place *place) {
  char file[PATH_SIZE];
  file_path(file, place->path, MTASTS_FILE_DAMAGED);
  CU_ASSERT_EQUAL(unlink(file), 0);
  directory_free(place->path);
}

/* Runs the loop until it does nothing more before its next try. */
static void turn(struct place *place) {
  event_base_loop(place->base, EVLOOP_NONBLOCK);
}

static void wait_and_turn(struct place *place) {
  skew += 6;
  turn(place);
}

static bool salvages(const struct place *place) {
  return mtasts_store_salvaging(place->admission.store);
}

static uint64_t policies(const struct place *place) {
  return count(mtasts_store_cache(place->admission.store)).policies;
}

static unsigned long long damages(const struct place *place) {
  return mtasts_count_get(&place->stats, MTASTS_COUNT_CACHE_DAMAGES);
}

/* A removal is refused until its domain cannot come back. */
static void check_removal(struct place *place) {
  struct mtasts_domain key = domain("p7.example");
  struct mtasts_entry entry;
  CU_ASSERT_FALSE(salvages(place));
  CU_ASSERT_FALSE(mtasts_salvage_marked(place->path));
  CU_ASSERT_EQUAL(policies(place), POLICIES);
  CU_ASSERT_EQUAL(mtasts_store_remove(place->admission.store, &key), MTASTS_OK);
  place_close(place);
  place_open(place, false);
  turn(place);
  CU_ASSERT_FALSE(salvages(place));
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(place->admission.store), key.name, &entry),
                  MTASTS_ABSENT);
}

/* A process has died in the middle, and the next one ends in the middle. */
static void rest(void) {
  struct place place = {.admitted = 0};
  struct mtasts_domain key = domain("p7.example");
  make_cache(place.path);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(place.path, NULL), MTASTS_OK);
  place_open(&place, false);
  CU_ASSERT_TRUE(salvages(&place));
  event_base_loop(place.base, EVLOOP_ONCE); /* one step */
  CU_ASSERT_TRUE(salvages(&place));
  CU_ASSERT_EQUAL(mtasts_store_remove(place.admission.store, &key), MTASTS_LOCKED);
  place_close(&place);
  place_open(&place, false);
  turn(&place);
  check_removal(&place);
  place_close(&place);
  place_free(&place);
}

/* The new file must be checked before the rest can be salvaged. */
static void rest_behind_a_check(void) {
  struct place place = {.admitted = 0};
  make_cache(place.path);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(place.path, NULL), MTASTS_OK);
  mtasts_store_close(store_open(place.path));
  place_open(&place, true);
  turn(&place);
  CU_ASSERT_TRUE(salvages(&place) && place.admitted == 0);
  mtasts_admission_take(&place.admission, MTASTS_OK);
  CU_ASSERT_EQUAL(place.admitted, 1);
  turn(&place);
  check_removal(&place);
  place_close(&place);
  place_free(&place);
}

/* Neither the new file can be made at first, nor the mark removed at the end. It counts at its
 * beginning. */
static void tried_again(void) {
  struct place place = {.admitted = 0};
  char new[PATH_SIZE];
  char mark[PATH_SIZE];
  struct mtasts_domain key = domain("p7.example");
  make_cache(place.path);
  file_path(new, place.path, MTASTS_FILE_NEW);
  file_path(mark, place.path, MTASTS_FILE_SALVAGE);
  CU_ASSERT_EQUAL(mkdir(new, 0700), 0);
  place_open(&place, true);
  mtasts_admission_take(&place.admission, MTASTS_CORRUPT);
  turn(&place);
  CU_ASSERT(place.admitted == 0 && damages(&place) == 0 &&
            mtasts_store_fails(place.admission.store));
  CU_ASSERT_EQUAL(mtasts_store_remove(place.admission.store, &key), MTASTS_LOCKED);
  CU_ASSERT_EQUAL(rmdir(new), 0);
  skew += 6;
  event_base_loop(place.base, EVLOOP_ONCE);
  CU_ASSERT(place.admitted == 1 && damages(&place) == 1);
  CU_ASSERT_TRUE(salvages(&place));
  CU_ASSERT_EQUAL(unlink(mark), 0);
  CU_ASSERT_EQUAL(mkdir(mark, 0700), 0); /* it cannot be unlinked */
  turn(&place);
  CU_ASSERT_EQUAL(policies(&place), POLICIES);
  CU_ASSERT_EQUAL(mtasts_store_remove(place.admission.store, &key), MTASTS_LOCKED);
  CU_ASSERT_EQUAL(rmdir(mark), 0);
  wait_and_turn(&place);
  check_removal(&place);
  CU_ASSERT_EQUAL(damages(&place), 1);
  place_close(&place);
  place_free(&place);
}

/* The old file was taken away: there is nothing to salvage. */
static void taken_away(void) {
  struct place place = {.admitted = 0};
  char file[PATH_SIZE];
  make_cache(place.path);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(place.path, NULL), MTASTS_OK);
  place_open(&place, false);
  file_path(file, place.path, MTASTS_FILE_DAMAGED);
  CU_ASSERT_EQUAL(unlink(file), 0);
  turn(&place);
  CU_ASSERT_FALSE(salvages(&place));
  place_close(&place);
  directory_free(place.path);
}

const struct unit_test unit_tests[] = {
    {"a salvage that an earlier process began", rest},
    {"the same behind the check of the new file", rest_behind_a_check},
    {"what fails is tried again", tried_again},
    {"a file that was taken away", taken_away},
    {NULL, NULL},
};
