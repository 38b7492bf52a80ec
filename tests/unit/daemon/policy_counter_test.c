#include "policy_counter.h"

#include "../cache/fixture.h"

const char *const unit_name = "daemon/policy_counter";

static struct mtasts_usage_filter *used_by(const char *const *names, int64_t since) {
  struct mtasts_usage_filter *usage = mtasts_usage_filter_new(since);
  /* After a turn, only what was marked counts as used. */
  mtasts_usage_filter_rotate(usage, since + MTASTS_USAGE_FILTER_PERIOD);
  for (; *names; names++) {
    struct mtasts_domain marked = domain("%s", *names);
    mtasts_usage_filter_mark(usage, mtasts_usage_filter_locate(usage, &marked));
  }
  return usage;
}

static void put(struct mtasts_store *store, const char *name, enum mtasts_mode mode,
                int64_t fetched, uint32_t failures) {
  struct sample sample;
  policy(&sample, "1");
  sample.entry.policy.mode = mode;
  sample.entry.policy.max_age = WEEK;
  sample.entry.fetched = fetched;
  sample.entry.expires = fetched + WEEK;
  sample.entry.failures = failures;
  sample.entry.error = failures > 0 ? MTASTS_ERROR_POLICY_FETCH : MTASTS_ERROR_NONE;
  store_put(store, name, &sample.entry);
}

static void counts(void) {
  static const char *const used[] = {"old.example", "young.example", "none.example", NULL};
  char path[32];
  struct sample sample;
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  put(store, "old.example", MTASTS_MODE_ENFORCE, NOW - WEEK + 86400, 3);
  put(store, "young.example", MTASTS_MODE_TESTING, NOW - 10, 1);
  put(store, "unused.example", MTASTS_MODE_ENFORCE, NOW - WEEK + 86000, 0);
  put(store, "none.example", MTASTS_MODE_NONE, NOW - WEEK + 10, 2);
  put(store, "expired.example", MTASTS_MODE_ENFORCE, NOW - WEEK, 2);
  store_put(store, "absent.example", absent(&sample));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);

  struct mtasts_usage_filter *usage = used_by(used, NOW - MTASTS_USAGE_FILTER_PERIOD);
  struct mtasts_policy_counter counter = {.cache = mtasts_store_cache(store), .usage = usage};
  mtasts_policy_counter_step(&counter, NOW);
  const struct mtasts_policy_counts *last = &counter.last;
  CU_ASSERT_EQUAL(last->taken, NOW);
  CU_ASSERT_EQUAL(last->oldest, NOW - WEEK + 86400);
  CU_ASSERT_EQUAL(last->stats.policies, 5);
  CU_ASSERT_EQUAL(last->stats.enforce, 3);
  CU_ASSERT_EQUAL(last->stats.testing, 1);
  CU_ASSERT_EQUAL(last->stats.none, 1);
  CU_ASSERT_EQUAL(last->stats.expired, 1);
  CU_ASSERT_EQUAL(last->stats.failing_enforce, 1);
  CU_ASSERT_EQUAL(last->stats.expiring, 2);

  /* The next count starts from zero. */
  mtasts_store_clear(store, &(uint64_t){0});
  mtasts_policy_counter_step(&counter, NOW + 5);
  CU_ASSERT_EQUAL(last->taken, NOW + 5);
  CU_ASSERT_EQUAL(last->stats.policies, 0);
  CU_ASSERT_EQUAL(last->oldest, 0);
  mtasts_usage_filter_free(usage);
  mtasts_store_close(store);
  directory_free(path);
}

static void goes_in_steps(void) {
  char path[32];
  char name[32];
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  for (int i = 0; i < MTASTS_POLICY_COUNTER_STEP + 100; i++) {
    snprintf(name, sizeof name, "p%05d.example", i);
    put(store, name, MTASTS_MODE_ENFORCE, NOW - 100, 0);
  }
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  struct mtasts_usage_filter *usage = mtasts_usage_filter_new(NOW);
  struct mtasts_policy_counter counter = {.cache = mtasts_store_cache(store), .usage = usage};
  mtasts_policy_counter_step(&counter, NOW);
  CU_ASSERT_EQUAL(counter.last.taken, 0);
  mtasts_policy_counter_step(&counter, NOW + 5);
  CU_ASSERT_EQUAL(counter.last.taken, NOW + 5);
  CU_ASSERT_EQUAL(counter.last.stats.enforce, MTASTS_POLICY_COUNTER_STEP + 100);
  mtasts_policy_counter_step(&counter, NOW + 10);
  CU_ASSERT_EQUAL(counter.last.taken, NOW + 5);
  mtasts_usage_filter_free(usage);
  mtasts_store_close(store);
  directory_free(path);
}

const struct unit_test unit_tests[] = {{"policies are counted, and the oldest in use", counts},
                                       {"a large cache is counted in steps", goes_in_steps},
                                       {NULL, NULL}};
