#include "usage_filter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "unit.h"

const char *const unit_name = "daemon/usage_filter";

enum {
  NOW = 1800000000,
  PERIOD = MTASTS_USAGE_FILTER_PERIOD,
};

static struct mtasts_domain named(const char *kind, unsigned i) {
  struct mtasts_domain domain;
  domain.len = (size_t)snprintf(domain.name, sizeof domain.name, "%s%u.example.com", kind, i);
  return domain;
}

static bool known(const struct mtasts_usage_filter *usage, const char *kind, unsigned i) {
  struct mtasts_domain domain = named(kind, i);
  return mtasts_usage_filter_in_use(usage, &domain);
}

static void mark(struct mtasts_usage_filter *usage, const char *kind, unsigned i) {
  struct mtasts_domain domain = named(kind, i);
  mtasts_usage_filter_mark(usage, mtasts_usage_filter_locate(usage, &domain));
}

static void remembers_one_period_to_two(void) {
  struct mtasts_usage_filter *usage = mtasts_usage_filter_new(NOW);
  mark(usage, "early", 1);
  mtasts_usage_filter_rotate(usage, NOW + PERIOD - 1);
  CU_ASSERT_TRUE(known(usage, "never", 1)); /* use before the start is unknown */
  mtasts_usage_filter_rotate(usage, NOW + PERIOD);
  CU_ASSERT_FALSE(known(usage, "never", 1));
  CU_ASSERT_TRUE(known(usage, "early", 1));
  mark(usage, "late", 1);
  mark(usage, "again", 1);
  mtasts_usage_filter_rotate(usage, NOW + 2 * PERIOD - 1);
  CU_ASSERT_TRUE(known(usage, "early", 1));
  mtasts_usage_filter_rotate(usage, NOW + 2 * PERIOD);
  CU_ASSERT_FALSE(known(usage, "early", 1));
  CU_ASSERT_TRUE(known(usage, "late", 1));
  mark(usage, "again", 1);
  mtasts_usage_filter_rotate(usage, NOW + 3 * PERIOD);
  CU_ASSERT_FALSE(known(usage, "late", 1));
  CU_ASSERT_TRUE(known(usage, "again", 1));
  mtasts_usage_filter_free(usage);
}

static bool again(const struct mtasts_usage_filter *usage, const char *kind, unsigned i) {
  struct mtasts_domain domain = named(kind, i);
  return mtasts_usage_filter_asked_again(usage, &domain);
}

static void tells_use_from_junk(void) {
  struct mtasts_usage_filter *usage = mtasts_usage_filter_new(NOW);
  struct mtasts_domain popular = named("popular", 1);
  for (unsigned i = 0; i < 1000; i++)
    mark(usage, "junk", i);
  mtasts_usage_filter_mark_again(usage, mtasts_usage_filter_locate(usage, &popular));
  CU_ASSERT_TRUE(again(usage, "popular", 1));
  CU_ASSERT_FALSE(again(usage, "junk", 1)); /* not even before the first rotation */
  mtasts_usage_filter_rotate(usage, NOW + MTASTS_USAGE_FILTER_AGAIN_PERIOD);
  CU_ASSERT_TRUE(again(usage, "popular", 1));
  CU_ASSERT_TRUE(known(usage, "never", 1)); /* the month's memory did not turn along */
  mtasts_usage_filter_rotate(usage, NOW + 2 * MTASTS_USAGE_FILTER_AGAIN_PERIOD);
  CU_ASSERT_FALSE(again(usage, "popular", 1));
  mtasts_usage_filter_rotate(usage, NOW + PERIOD);
  CU_ASSERT_TRUE(known(usage, "popular", 1)); /* what is asked for again was asked for */
  CU_ASSERT_FALSE(known(usage, "never", 1));
  mtasts_usage_filter_free(usage);
}

/* A mark that one memory has already is not made in the other: they have to turn together. */
static void marks_again_after_a_turn(void) {
  struct mtasts_usage_filter *usage = mtasts_usage_filter_new(NOW);
  struct mtasts_domain popular = named("popular", 1);
  mtasts_usage_filter_rotate(usage,
                             NOW + PERIOD - 10); /* the day's memory turns, the month's not yet */
  mtasts_usage_filter_mark_again(usage, mtasts_usage_filter_locate(usage, &popular));
  mtasts_usage_filter_rotate(usage, NOW + PERIOD);
  mtasts_usage_filter_mark_again(usage, mtasts_usage_filter_locate(usage, &popular));
  mtasts_usage_filter_rotate(usage, NOW + 2 * PERIOD);
  CU_ASSERT_TRUE(known(usage, "popular", 1));
  mtasts_usage_filter_rotate(usage, NOW + 3 * PERIOD);
  CU_ASSERT_FALSE(known(usage, "popular", 1));
  mtasts_usage_filter_free(usage);
}

static void survives_the_clock(void) {
  struct mtasts_usage_filter *usage =
      mtasts_usage_filter_new(NOW + 100 * (int64_t)PERIOD); /* it was ahead */
  mtasts_usage_filter_rotate(usage, NOW);
  mark(usage, "used", 1);
  mtasts_usage_filter_rotate(usage, NOW + PERIOD);
  CU_ASSERT_FALSE(known(usage, "never", 1));
  CU_ASSERT_TRUE(known(usage, "used", 1));
  mtasts_usage_filter_rotate(usage,
                             NOW + 50 * (int64_t)PERIOD); /* a leap costs one half, not both */
  mtasts_usage_filter_rotate(usage, NOW + 50 * (int64_t)PERIOD);
  CU_ASSERT_FALSE(known(usage, "used", 1));
  mtasts_usage_filter_free(usage);
  mtasts_usage_filter_free(NULL);
}

static void is_seldom_wrong(void) {
  enum {
    MANY = 100000
  };
  struct mtasts_usage_filter *usage = mtasts_usage_filter_new(NOW);
  unsigned missed = 0;
  unsigned wrong = 0;
  for (unsigned i = 0; i < MANY; i++)
    mark(usage, "used", i);
  mtasts_usage_filter_rotate(usage, NOW + PERIOD);
  for (unsigned i = 0; i < MANY; i++) {
    missed += !known(usage, "used", i);
    wrong += known(usage, "other", i);
  }
  CU_ASSERT_EQUAL(missed, 0);
  unit_check(wrong < 20, "%u of %u wrongly known", wrong, (unsigned)MANY);
  mtasts_usage_filter_free(usage);
}

static struct mtasts_usage_filter *shared;
static atomic_bool ended;

static void *mark_all_the_time(void *context) {
  (void)context;
  for (unsigned i = 0; !ended; i++)
    mark(shared, "used", i % 1000);
  return NULL;
}

/* Within ten seconds. */
static bool becomes_known(const char *kind, unsigned i) {
  for (int tries = 0; tries < 10000; tries++) {
    if (known(shared, kind, i))
      return true;
    usleep(1000);
  }
  return false;
}

static void is_for_two_threads(void) {
  enum {
    TURNS = 40
  };
  pthread_t thread;
  shared = mtasts_usage_filter_new(NOW);
  mtasts_usage_filter_rotate(shared, NOW + PERIOD); /* or all would be known */
  CU_ASSERT_FALSE(known(shared, "used", 0));
  ended = false;
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, mark_all_the_time, NULL), 0);
  unsigned turn = 0;
  for (; turn < TURNS && becomes_known("used", turn); turn++) {
    mtasts_usage_filter_rotate(shared, NOW + (2 + 2 * (int64_t)turn) * PERIOD);
    mtasts_usage_filter_rotate(shared, NOW + (3 + 2 * (int64_t)turn) *
                                                 PERIOD); /* what was before is gone */
  }
  ended = true;
  pthread_join(thread, NULL);
  CU_ASSERT_EQUAL(turn, TURNS);
  mtasts_usage_filter_free(shared);
}

/* A clock that is set ahead by a year: no domain counts as unused for that long. */
static void shifts(void) {
  struct mtasts_usage_filter *usage = mtasts_usage_filter_new(0);
  struct mtasts_domain domain = {"kept.example", 12};
  int64_t now = MTASTS_USAGE_FILTER_PERIOD;
  mtasts_usage_filter_rotate(usage, now); /* from now on, what was asked for is known */
  mtasts_usage_filter_mark(usage, mtasts_usage_filter_locate(usage, &domain));
  mtasts_usage_filter_shift(usage, 13 * MTASTS_USAGE_FILTER_PERIOD);
  for (int i = 0; i < 3; i++)
    mtasts_usage_filter_rotate(usage, now + 13 * MTASTS_USAGE_FILTER_PERIOD + i);
  CU_ASSERT_TRUE(mtasts_usage_filter_in_use(usage, &domain));
  /* And back. */
  mtasts_usage_filter_shift(usage, -13 * (int64_t)MTASTS_USAGE_FILTER_PERIOD);
  mtasts_usage_filter_rotate(usage, now + MTASTS_USAGE_FILTER_PERIOD);
  CU_ASSERT_TRUE(mtasts_usage_filter_in_use(usage, &domain));
  mtasts_usage_filter_rotate(usage, now + 2 * MTASTS_USAGE_FILTER_PERIOD);
  CU_ASSERT_FALSE(mtasts_usage_filter_in_use(usage, &domain));
  mtasts_usage_filter_free(usage);
}

const struct unit_test unit_tests[] = {
    {"remembers a use for one period to two", remembers_one_period_to_two},
    {"domains in use are distinguished from junk for a day or two", tells_use_from_junk},
    {"a use is marked again after each turn", marks_again_after_a_turn},
    {"a clock that leaps costs no more than the memory", survives_the_clock},
    {"forgets nothing, and knows few that were not used", is_seldom_wrong},
    {"one thread marks while another asks and rotates", is_for_two_threads},
    {"the clock is set", shifts},
    {NULL, NULL},
};
