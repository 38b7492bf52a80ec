#include "findings.h"

#include "build_report.h"
#include "unit.h"

#include <stdio.h>

const char *const unit_name = "findings";

static struct mtasts_sums sums;
static char found[4096];

static void begin(void) {
  mtasts_sums_init(&sums);
}

static void add(const struct built *built) {
  static const struct mtasts_report_filter everything = {0};
  CU_ASSERT(built_add(&sums, &everything, built));
}

static void take(void *context, const struct mtasts_report_finding *finding) {
  size_t used = strlen(found);
  (void)context;
  CU_ASSERT(strlen(mtasts_finding_level_name(finding->level)) > 0);
  snprintf(found + used, sizeof found - used, "%s: %s [%s]\n", finding->id, finding->text,
           finding->remedy);
}

static void end(void) {
  *found = '\0';
  CU_ASSERT(mtasts_report_findings(&sums, take, NULL));
  mtasts_sums_free(&sums);
}

#define HAS(words)     unit_check(strstr(found, words) != NULL, "no %s in %s", words, found)
#define HAS_NOT(words) unit_check(strstr(found, words) == NULL, "%s in %s", words, found)

static void single_cause(void) {
  begin();
  add(&(struct built){.failed = 2, .result = "certificate-expired", .mx = "mx2", .day = 1});
  add(&(struct built){.failed = 3, .result = "certificate-expired", .mx = "mx2", .day = 4});
  end();
  HAS("single-cause: example.com: every failure since 2001-09-10 is certificate-expired at mx2 "
      "(5 sessions, the last on 2001-09-13). [Renew");
  begin();
  add(&(struct built){.failed = 2, .result = "certificate-expired", .mx = "mx2", .day = 1});
  add(&(struct built){.failed = 1, .result = "validation-failure", .mx = "mx2", .day = 2});
  add(&(struct built){.failed = 2, .result = "certificate-expired", .mx = "mx2", .day = 3});
  end();
  HAS_NOT("single-cause");
  begin();
  add(&(struct built){.successful = 2});
  end();
  HAS_NOT("single-cause");
}

static void policy_not_seen(void) {
  begin();
  add(&(struct built){.organization = "A", .day = 1});
  add(&(struct built){.organization = "B", .type = "no-policy-found", .day = 2});
  end();
  HAS("policy-not-seen: example.com: 1 reporter found no policy, the last on 2001-09-11");
  begin(); /* the policy is newer */
  add(&(struct built){.organization = "A", .day = 3});
  add(&(struct built){.organization = "B", .type = "no-policy-found", .day = 2});
  end();
  HAS_NOT("policy-not-seen");
  begin(); /* another domain */
  add(&(struct built){.organization = "A", .day = 1, .domain = "other.example"});
  add(&(struct built){.organization = "B", .type = "no-policy-found", .day = 2});
  end();
  HAS_NOT("policy-not-seen");
}

static void testing(int days, int failed_on, const char *mode_at_end) {
  begin();
  for (int day = 0; day < days; day++)
    add(&(struct built){.successful = 5,
                        .failed = day == failed_on,
                        .mode = day == days - 1 ? mode_at_end : "testing",
                        .day = day});
  end();
}

static void ready(void) {
  testing(14, -1, "testing");
  HAS("ready-for-enforce: example.com: testing, 14 days without a failure");
  testing(13, -1, "testing");
  HAS_NOT("ready-for-enforce");
  testing(20, 10, "testing");
  HAS_NOT("ready-for-enforce");
  testing(25, 10, "testing");
  HAS("testing, 14 days without a failure");
  testing(20, -1, "enforce");
  HAS_NOT("ready-for-enforce");
}

static void silent(int daily, int until) {
  begin();
  for (int day = 0; day < daily; day++)
    add(&(struct built){.organization = "Quiet", .day = day});
  add(&(struct built){.organization = "Other", .day = until});
  end();
}

static void silent_reporter(void) {
  silent(7, 10);
  HAS("silent-reporter: Quiet sent no report for 4 days, though it reported daily from 2001-09-09 "
      "to 2001-09-15. [Check");
  silent(7, 8);
  HAS_NOT("silent-reporter");
  silent(6, 20);
  HAS_NOT("silent-reporter");
  begin(); /* weekly is not daily */
  for (int week = 0; week < 10; week++)
    add(&(struct built){.organization = "Weekly", .day = 7 * week});
  add(&(struct built){.organization = "Other", .day = 90});
  end();
  HAS_NOT("silent-reporter");
}

static void counted_twice(void) {
  static const struct mtasts_report_filter everything = {0};
  const struct mtasts_report_policy policies[] = {
      {.domain = {"a", 1}, .type = {"sts", 3}, .successful = 5},
      {.domain = {"a", 1}, .type = {"tlsa", 4}, .successful = 5},
  };
  begin();
  mtasts_sums_add(&sums, &everything,
                  &(struct mtasts_tls_report){.policies = policies, .policy_count = 2});
  end();
  HAS("counted-twice");
  HAS("Counted once: 5 successful, 0 failed.");
  begin();
  mtasts_sums_add(&sums, &everything,
                  &(struct mtasts_tls_report){.policies = policies, .policy_count = 1});
  end();
  HAS_NOT("counted-twice");
}

static void long_names(void) {
  char name[3000];
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  begin();
  add(&(struct built){.failed = 2, .domain = name, .result = name, .mx = name});
  end();
  HAS("single-cause: xxx");
}

const struct unit_test unit_tests[] = {
    {"one cause behind all failures", single_cause},
    {"a policy that some do not see", policy_not_seen},
    {"testing that may end", ready},
    {"a reporter that fell silent", silent_reporter},
    {"sessions that count twice", counted_twice},
    {"names of any length", long_names},
    {NULL, NULL},
};
