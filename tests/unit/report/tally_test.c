#include "tally.h"

#include "ascii.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const unit_name = "tally";

static struct mtasts_span name_of(const char *text) {
  return (struct mtasts_span){text, strlen(text)};
}

static bool is(struct mtasts_span span, const char *text) {
  return span.len == strlen(text) && memcmp(span.data, text, span.len) == 0;
}

static void check_order(const struct mtasts_policy_counts *tally, enum mtasts_tally_order order,
                        const char *const *names, size_t count) {
  const struct mtasts_count **sorted = mtasts_tally_sorted(tally, order);
  CU_ASSERT(tally->used == count);
  CU_ASSERT_PTR_NOT_NULL_FATAL(sorted);
  for (size_t i = 0; i < count; i++)
    unit_check(is(sorted[i]->name, names[i]), "%zu is %.*s, not %s", i, (int)sorted[i]->name.len,
               sorted[i]->name.data, names[i]);
  free(sorted);
}

static void order(void) {
  static const char *const largest[] = {"big", "", "a", "ab", "b"};
  static const char *const by_name[] = {"", "a", "ab", "b", "big"};
  struct mtasts_policy_counts tally = {.seed = 7};
  mtasts_tally_add(&tally, name_of("b"), 1, 0, 0);
  mtasts_tally_add(&tally, name_of("ab"), 0, 1, 0);
  mtasts_tally_add(&tally, name_of(""), 1, 0, 0);
  mtasts_tally_add(&tally, name_of("a"), 1, 0, 0);
  mtasts_tally_add(&tally, name_of("big"), 1, 1, 0);
  check_order(&tally, MTASTS_LARGEST, largest, 5);
  check_order(&tally, MTASTS_BY_NAME, by_name, 5);
  mtasts_tally_free(&tally);
  CU_ASSERT_PTR_NULL(mtasts_tally_sorted(&tally, MTASTS_LARGEST));
}

static void days(void) {
  struct mtasts_policy_counts tally = {0};
  const struct mtasts_count *count = mtasts_tally_add(&tally, name_of("x"), 1, 0, 300);
  mtasts_tally_add(&tally, name_of("x"), 0, 2, 200);
  mtasts_tally_add(&tally, name_of("x"), 0, 3, 250);
  mtasts_tally_add(&tally, name_of("x"), 4, 0, 100);
  CU_ASSERT(count->successful == 5 && count->failed == 5);
  CU_ASSERT(count->first == 100 && count->last == 300);
  CU_ASSERT(count->first_failed == 200 && count->last_failed == 250);
  CU_ASSERT(mtasts_tally_find(&tally, name_of("x")) == count);
  CU_ASSERT_PTR_NULL(mtasts_tally_find(&tally, name_of("y")));
  mtasts_tally_free(&tally);
}

static void saturation(void) {
  const uint64_t most = INT64_MAX;
  CU_ASSERT(mtasts_sum(most - 1, 1) == most);
  CU_ASSERT(mtasts_sum(most, 1) == most);
  CU_ASSERT(mtasts_sum(1, most) == most);
  CU_ASSERT(mtasts_sum(UINT64_MAX, 1) == most);
  CU_ASSERT(mtasts_sum(2, 3) == 5);
}

/* The names that do not fit any more are summed up, those that are there go on. */
static void bound(void) {
  char name[32];
  struct mtasts_policy_counts tally = {.seed = 1};
  for (unsigned i = 0; i < MTASTS_TALLY_NAMES + 10; i++) {
    snprintf(name, sizeof name, "%u", i);
    CU_ASSERT(mtasts_tally_add(&tally, name_of(name), 1, 0, 0) != NULL);
  }
  mtasts_tally_add(&tally, name_of("5"), 1, 0, 0);
  const struct mtasts_count *others = mtasts_tally_find(&tally, name_of(MTASTS_TALLY_OTHERS));
  CU_ASSERT_PTR_NOT_NULL_FATAL(others);
  CU_ASSERT(tally.used == MTASTS_TALLY_NAMES);
  CU_ASSERT(others->successful == 11);
  CU_ASSERT(mtasts_tally_find(&tally, name_of("5"))->successful == 2);
  mtasts_tally_free(&tally);
}

static void long_names(void) {
  static char name[MTASTS_TALLY_TEXT + 1];
  struct mtasts_policy_counts tally = {0};
  memset(name, 'x', sizeof name);
  mtasts_tally_add(&tally, (struct mtasts_span){name, sizeof name}, 1, 0, 0);
  CU_ASSERT_PTR_NOT_NULL(mtasts_tally_find(&tally, name_of(MTASTS_TALLY_OTHERS)));
  CU_ASSERT(tally.used == 1);
  mtasts_tally_free(&tally);
}

static void parts(void) {
  const struct mtasts_span three[] = {MTASTS_SPAN("a"), MTASTS_SPAN(""), MTASTS_SPAN("c\0d")};
  struct mtasts_policy_counts tally = {0};
  const struct mtasts_count *count = mtasts_tally_add_parts(&tally, three, 3, 0, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(count);
  CU_ASSERT(is(mtasts_count_part(count, 0), "a"));
  CU_ASSERT(is(mtasts_count_part(count, 1), ""));
  CU_ASSERT(is(mtasts_count_part(count, 2), "cd"));
  CU_ASSERT(mtasts_tally_add_parts(&tally, three, 3, 0, 1, 0) == count);
  CU_ASSERT(mtasts_tally_add_parts(&tally, three, 2, 0, 1, 0) != count);
  mtasts_tally_free(&tally);
}

const struct unit_test unit_tests[] = {
    {"largest first, then by name; or by name", order},
    {"the first and last day, and of failures", days},
    {"sums stop at 2^63 - 1", saturation},
    {"names beyond the bound are others", bound},
    {"so are names that are too long", long_names},
    {"names of parts", parts},
    {NULL, NULL},
};
