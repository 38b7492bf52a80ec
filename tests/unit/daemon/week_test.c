#include "../../sim/daemon/week.h"

#include "../cache/fixture.h"

const char *const unit_name = "daemon/week";

enum {
  DOMAINS = 15000, /* so that the due queue has room for all that need it: some 45 of an hour, and
                      failing ones */
  STEP = 5,        /* seconds */
};

static void keeps_all_and_asks_evenly(void) {
  static struct week_report report;
  char path[32];
  directory_new(path);
  const struct week_options options = {.directory = path, .domains = DOMAINS, .step = STEP};
  CU_ASSERT_TRUE_FATAL(week_live(&options, &report));
  for (size_t i = 0; i < report.checks_made; i++) {
    const struct week_check *check = &report.checks[i];
    unit_check(week_check_holds(check), "%s: %.2f, and may be %.2f", check->what, check->value,
               check->max);
  }
  /* A week in which nothing happened would pass, too. */
  CU_ASSERT_TRUE(report.fetched > 7 * DOMAINS / 2 && report.failed > 0);
  CU_ASSERT_TRUE(report.uses > DOMAINS && report.warnings > 0);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"keeps all and asks evenly", keeps_all_and_asks_evenly},
    {NULL, NULL},
};
