#include "watch.h"

#include "build_report.h"
#include "json_text.h"
#include "unit.h"

#include <stdio.h>

const char *const unit_name = "watch";

static const struct mtasts_report_filter everything;
static const struct mtasts_report_limit five_percent = {.given = true, .digits = 5, .unit = 1};
static char said[1024];

static void take(void *context, const struct mtasts_report_finding *finding) {
  size_t used = strlen(said);
  (void)context;
  snprintf(said + used, sizeof said - used, "%s ", finding->id);
}

/* A look on that day at reports of these; *state is replaced. */
static const char *look(json_t **state, int day, const struct built *reports, size_t count) {
  struct mtasts_sums sums;
  struct mtasts_watch_new fresh;
  mtasts_sums_init(&sums);
  for (size_t i = 0; i < count; i++)
    CU_ASSERT(built_add(&sums, &everything, &reports[i]));
  const struct mtasts_watch watch = {&sums, *state, &five_percent,
                                     BUILT_EPOCH + day * MTASTS_DAY_SECONDS + 3600};
  *said = '\0';
  json_t *after = mtasts_watch(&watch, take, NULL, &fresh);
  CU_ASSERT_FATAL(after != NULL);
  CU_ASSERT(mtasts_watch_state_valid(after));
  size_t used = strlen(said);
  snprintf(said + used, sizeof said - used, "%u", (unsigned)fresh.days);
  json_decref(*state);
  *state = after;
  mtasts_sums_free(&sums);
  return said;
}

static void results(void) {
  const struct built first[] = {
      {.failed = 1, .result = "a", .mx = "m1", .successful = 99, .day = 1}};
  const struct built second[] = {
      {.failed = 1, .result = "a", .mx = "m2", .successful = 99, .day = 1},
      {.failed = 1, .result = "b", .successful = 99, .day = 2},
      {.failed = 1, .result = "a", .successful = 99, .domain = "x", .day = 2}};
  json_t *state = NULL;
  mtasts_json_text_init();
  CU_ASSERT_STRING_EQUAL(look(&state, 2, first, 1), "1");
  CU_ASSERT_STRING_EQUAL(look(&state, 3, second, 3), "result-appeared result-appeared 1");
  CU_ASSERT_STRING_EQUAL(look(&state, 3, second, 3), "0");
  /* What has gone may come again. */
  CU_ASSERT_STRING_EQUAL(look(&state, 4, first, 1), "0");
  CU_ASSERT_STRING_EQUAL(look(&state, 5, second, 3), "result-appeared result-appeared 1");
  json_decref(state);
}

static void rates(void) {
  const struct built low[] = {{.successful = 96, .failed = 4, .day = 1}};
  const struct built high[] = {{.successful = 90, .failed = 10, .day = 2}};
  json_t *state = NULL;
  CU_ASSERT_STRING_EQUAL(look(&state, 2, low, 1), "1");
  CU_ASSERT_STRING_EQUAL(look(&state, 3, high, 1), "failures-over 1");
  CU_ASSERT_STRING_EQUAL(look(&state, 4, high, 1), "0");
  CU_ASSERT_STRING_EQUAL(look(&state, 30, high, 1), "0");
  CU_ASSERT_STRING_EQUAL(look(&state, 4, low, 1), "failures-under 1");
  json_decref(state);
  /* A rate of long ago is no news. */
  state = NULL;
  CU_ASSERT_STRING_EQUAL(look(&state, 10, high, 1), "1");
  json_decref(state);
}

static void silence(void) {
  struct built daily[10];
  struct built again = {.successful = 1, .day = 14};
  json_t *state = NULL;
  for (int i = 0; i < 10; i++)
    daily[i] = (struct built){.successful = 1, .day = i};
  CU_ASSERT_STRING_EQUAL(look(&state, 12, daily, 10), "10"); /* days 10 and 11 are missing */
  CU_ASSERT_STRING_EQUAL(look(&state, 13, daily, 10), "reporter-silent 0");
  CU_ASSERT_STRING_EQUAL(look(&state, 14, daily, 10), "0");
  CU_ASSERT_STRING_EQUAL(look(&state, 90, NULL, 0), "0"); /* all of its reports are too old */
  CU_ASSERT_STRING_EQUAL(look(&state, 15, &again, 1), "reporter-returned 1");
  CU_ASSERT_STRING_EQUAL(look(&state, 30, &again, 1), "0"); /* one report makes none daily */
  json_decref(state);
}

static void states(void) {
  static const char *const wrong[] = {
      "{}",
      "{\"version\":2,\"results\":[],\"days\":[],\"over\":[],\"silent\":[]}",
      "{\"version\":1,\"results\":[1],\"days\":[],\"over\":[],\"silent\":[]}",
      "{\"version\":1,\"results\":[[\"a\"]],\"days\":[],\"over\":[],\"silent\":[]}",
      "{\"version\":1,\"results\":[],\"days\":[],\"over\":{},\"silent\":[]}",
      "{\"version\":1,\"results\":[],\"days\":[],\"over\":[],\"silent\":[null]}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    json_t *state = json_loads(wrong[i], 0, NULL);
    unit_check(!mtasts_watch_state_valid(state), "%s", wrong[i]);
    json_decref(state);
  }
  CU_ASSERT(!mtasts_watch_state_valid(NULL));
}

const struct unit_test unit_tests[] = {
    {"result types that appear", results},
    {"rates over the limit", rates},
    {"reporters that fall silent", silence},
    {"what is no state", states},
    {NULL, NULL},
};
