#include "sums.h"

#include "ascii.h"
#include "build_report.h"
#include "unit.h"

const char *const unit_name = "sums";

static const struct mtasts_report_filter everything = {0};

static bool passes(const struct mtasts_report_filter *filter, const struct built *built) {
  struct mtasts_sums sums;
  mtasts_sums_init(&sums);
  bool added = built_add(&sums, filter, built);
  CU_ASSERT(sums.reports == (added ? 1 : 0));
  mtasts_sums_free(&sums);
  return added;
}

static void days(void) {
  const struct mtasts_report_filter from = {.since_given = true,
                                            .since = BUILT_EPOCH + MTASTS_DAY_SECONDS};
  const struct mtasts_report_filter to = {.until_given = true,
                                          .until = BUILT_EPOCH + MTASTS_DAY_SECONDS};
  for (int day = 0; day < 3; day++) {
    const struct built built = {.day = day};
    CU_ASSERT(passes(&everything, &built));
    CU_ASSERT(passes(&from, &built) == (day >= 1));
    CU_ASSERT(passes(&to, &built) == (day <= 1));
  }
}

static void domains(void) {
  const struct mtasts_report_filter filter = {.domain = MTASTS_SPAN("example.com")};
  CU_ASSERT(passes(&filter, &(struct built){.domain = "example.com"}));
  CU_ASSERT(passes(&filter, &(struct built){.domain = "a.b.example.com"}));
  CU_ASSERT(!passes(&filter, &(struct built){.domain = "anexample.com"}));
  CU_ASSERT(!passes(&filter, &(struct built){.domain = "com"}));
  CU_ASSERT(!passes(&filter, &(struct built){.domain = ""}));
}

static void failures(void) {
  const struct mtasts_report_filter filter = {.failures = true};
  CU_ASSERT(!passes(&filter, &(struct built){.successful = 5}));
  CU_ASSERT(passes(&filter, &(struct built){.failed = 1}));
  CU_ASSERT(passes(&filter, &(struct built){.result = "certificate-expired"}));
}

static uint64_t failed_of(const struct mtasts_policy_counts *tally, const char *name) {
  const struct mtasts_count *count = mtasts_tally_find(tally, built_span(name));
  return count ? count->failed : 0;
}

static void add(void) {
  struct mtasts_sums sums;
  mtasts_sums_init(&sums);
  built_add(&sums, &everything,
            &(struct built){.successful = 9, .failed = 1, .result = "r", .source = "s", .mx = "m"});
  built_add(
      &sums, &everything,
      &(struct built){.failed = 2, .result = "r", .source = "t", .mode = "testing", .day = 2});
  built_add(&sums, &everything, &(struct built){.mode = "enforce", .day = 1});
  CU_ASSERT(sums.reports == 3 && sums.successful == 9 && sums.failed == 3);
  CU_ASSERT(sums.start == BUILT_EPOCH);
  CU_ASSERT(sums.end == BUILT_EPOCH + 3 * MTASTS_DAY_SECONDS - 1);
  CU_ASSERT(failed_of(&sums.results, "r") == 3);
  CU_ASSERT(failed_of(&sums.sources, "s") == 1 && failed_of(&sums.sources, "t") == 2);
  CU_ASSERT(failed_of(&sums.mx, "m") == 1 && failed_of(&sums.mx, "") == 2);
  CU_ASSERT(failed_of(&sums.reporters, "Org") == 3);
  CU_ASSERT(failed_of(&sums.domains, "example.com") == 3);
  CU_ASSERT(failed_of(&sums.days, "2001-09-11") == 2 && sums.days.used == 3);
  const struct mtasts_count *policy =
      mtasts_tally_find(&sums.policies, MTASTS_SPAN("example.com\0sts"));
  CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
  CU_ASSERT(policy->mode.len == 7 && memcmp(policy->mode.data, "testing", 7) == 0);
  mtasts_sums_free(&sums);
}

/* Two policies of one domain, and one of another. */
static void once(void) {
  const struct mtasts_report_policy policies[] = {
      {.type = MTASTS_SPAN("sts"), .domain = MTASTS_SPAN("a"), .successful = 5, .failed = 0},
      {.type = MTASTS_SPAN("tlsa"), .domain = MTASTS_SPAN("a"), .successful = 4, .failed = 3},
      {.type = MTASTS_SPAN("sts"), .domain = MTASTS_SPAN("b"), .successful = 1, .failed = 0},
      {.type = MTASTS_SPAN("tlsa"), .domain = MTASTS_SPAN("b"), .successful = 0, .failed = 1},
  };
  const struct mtasts_tls_report report = {
      .start = 1000, .end = 2000, .policies = policies, .policy_count = 4};
  const struct mtasts_report_filter failed = {.failures = true};
  struct mtasts_sums sums;
  mtasts_sums_init(&sums);
  CU_ASSERT(mtasts_sums_add(&sums, &everything, &report));
  CU_ASSERT(sums.successful == 10 && sums.failed == 4);
  CU_ASSERT(sums.once_successful == 5 && sums.once_failed == 3);
  mtasts_sums_free(&sums);
  mtasts_sums_init(&sums);
  CU_ASSERT(mtasts_sums_add(&sums, &failed, &report));
  CU_ASSERT(sums.successful == 4 && sums.failed == 4);
  CU_ASSERT(sums.once_successful == 4 && sums.once_failed == 4);
  mtasts_sums_free(&sums);
}

/* Names of strangers fall into slots that they cannot foresee. */
static void seeded(void) {
  struct mtasts_sums sums;
  struct mtasts_sums other;
  mtasts_sums_init(&sums);
  mtasts_sums_init(&other);
  CU_ASSERT(sums.results.seed != other.results.seed);
  CU_ASSERT(sums.causes.seed == sums.results.seed && sums.views.seed == sums.results.seed);
  CU_ASSERT(sums.modes.seed == sums.results.seed && sums.reporter_days.seed == sums.results.seed);
}

const struct unit_test unit_tests[] = {
    {"filter by day", days},
    {"filter by domain", domains},
    {"filter by failures", failures},
    {"sums by each name", add},
    {"a session under two policies", once},
    {"every tally has a secret seed", seeded},
    {NULL, NULL},
};
