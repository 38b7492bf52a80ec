#include "limit.h"

#include "unit.h"

const char *const unit_name = "limit";

static void reading(void) {
  static const char *const good[] = {"0",  "100", "100.0", "0.5",  "12.123456789123",
                                     "1x", "3x",  "1000x", "1.5x", "007"};
  static const char *const bad[] = {"",
                                    "x",
                                    "-1",
                                    "101",
                                    "100.1",
                                    "100.00000000001",
                                    "1.",
                                    ".5",
                                    "0.9x",
                                    "0x",
                                    "1001x",
                                    "3xx",
                                    "3 x",
                                    "1e2",
                                    "1,5x",
                                    "1000.0000000001x",
                                    "99999999999999999999999"};
  struct mtasts_report_limit limit;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    unit_check(mtasts_limit_read(good[i], &limit) && limit.given, "%s is a limit", good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    unit_check(!mtasts_limit_read(bad[i], &limit), "%s is none", bad[i]);
}

static bool percent(const char *text, uint64_t successful, uint64_t failed) {
  struct mtasts_report_limit limit = {0};
  CU_ASSERT(mtasts_limit_read(text, &limit) && !limit.times);
  return mtasts_limit_over_percent(&limit, &(struct mtasts_session_sums){successful, failed});
}

static void percentages(void) {
  CU_ASSERT(!percent("7", 93, 7) && percent("6.999999999", 93, 7));
  CU_ASSERT(percent("0", 1000000, 1) && !percent("0", 1000000, 0));
  CU_ASSERT(!percent("0", 0, 0) && !percent("100", 0, 5));
}

static bool times(const char *text, struct mtasts_session_sums now,
                  struct mtasts_session_sums before) {
  struct mtasts_report_limit limit = {0};
  CU_ASSERT(mtasts_limit_read(text, &limit) && limit.times);
  CU_ASSERT(!mtasts_limit_over_percent(&limit, &now));
  return mtasts_limit_over_times(&limit, &now, &before);
}

static void multiples(void) {
  const struct mtasts_session_sums one_percent = {9900, 100};
  const struct mtasts_session_sums none = {0, 0};
  const struct mtasts_session_sums clean = {10000, 0};
  CU_ASSERT(!times("3x", (struct mtasts_session_sums){970, 30}, one_percent));
  CU_ASSERT(times("3x", (struct mtasts_session_sums){969, 31}, one_percent));
  CU_ASSERT(!times("3x", none, one_percent) && !times("3x", one_percent, none));
  /* None failed before: one is taken to have, and few are not many. */
  CU_ASSERT(times("3x", (struct mtasts_session_sums){996, 4}, clean));
  CU_ASSERT(!times("3x", (struct mtasts_session_sums){7, 3}, clean));
  const struct mtasts_report_limit not_given = {0};
  CU_ASSERT(!mtasts_limit_over_times(&not_given, &one_percent, &clean));
  CU_ASSERT(!mtasts_limit_over_percent(&not_given, &one_percent));
}

const struct unit_test unit_tests[] = {
    {"percentages and multiples are read", reading},
    {"a percentage", percentages},
    {"a multiple", multiples},
    {NULL, NULL},
};
