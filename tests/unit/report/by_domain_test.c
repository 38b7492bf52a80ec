#include "by_domain.h"

#include "build_report.h"
#include "unit.h"

#include <stdio.h>

const char *const unit_name = "by_domain";

static const struct mtasts_report_filter everything;

/* A report whose policies are of these domains, one session each; the i-th failed i times. */
static struct mtasts_tls_report report_of(struct mtasts_report_policy *policies,
                                          const char *const *domains, size_t count) {
  for (size_t i = 0; i < count; i++)
    policies[i] = (struct mtasts_report_policy){
        .type = built_span("sts"), .domain = built_span(domains[i]), .successful = 1, .failed = i};
  return (struct mtasts_tls_report){.organization = built_span("Org"),
                                    .start = BUILT_EPOCH,
                                    .end = BUILT_EPOCH + 1,
                                    .policies = policies,
                                    .policy_count = count};
}

static void apart(void) {
  static const char *const domains[] = {"b.example", "a.example", "b.example", ""};
  struct mtasts_report_policy policies[4];
  struct mtasts_by_domain by = {0};
  struct mtasts_tls_report report = report_of(policies, domains, 4);
  CU_ASSERT(mtasts_by_domain_add(&by, &everything, &report));
  CU_ASSERT(by.used == 3 && by.left_out == 0);
  const struct mtasts_domain_sums *b = mtasts_by_domain_find(&by, built_span("b.example"));
  const struct mtasts_domain_sums *a = mtasts_by_domain_find(&by, built_span("a.example"));
  const struct mtasts_domain_sums *none = mtasts_by_domain_find(&by, built_span(""));
  CU_ASSERT_FATAL(a && b && none);
  CU_ASSERT(b->sums.reports == 1 && b->sums.successful == 2 && b->sums.failed == 2);
  CU_ASSERT(a->sums.reports == 1 && a->sums.successful == 1 && a->sums.failed == 1);
  CU_ASSERT(none->sums.failed == 3);
  CU_ASSERT_PTR_NULL(mtasts_by_domain_find(&by, built_span("c.example")));
  CU_ASSERT(policies[0].failed == 0); /* the report's own order stays */
  mtasts_by_domain_free(&by);
  CU_ASSERT(by.used == 0);
}

static void filtered(void) {
  static const char *const domains[] = {"a.example", "b.example"};
  const struct mtasts_report_filter failures = {.failures = true};
  struct mtasts_report_policy policies[2];
  struct mtasts_by_domain by = {0};
  struct mtasts_tls_report report = report_of(policies, domains, 2);
  CU_ASSERT(mtasts_by_domain_add(&by, &failures, &report));
  CU_ASSERT(by.used == 1);
  CU_ASSERT_PTR_NULL(mtasts_by_domain_find(&by, built_span("a.example")));
  report.policy_count = 0;
  CU_ASSERT(mtasts_by_domain_add(&by, &everything, &report));
  mtasts_by_domain_free(&by);
}

/* Domains beyond the bound are counted, and those that are known go on. */
static void bounded(void) {
  char name[32];
  const char *domain = name;
  struct mtasts_report_policy policy;
  struct mtasts_by_domain by = {0};
  for (int i = 0; i < MTASTS_BY_DOMAIN_MAX + 5; i++) {
    snprintf(name, sizeof name, "d%d.example", i);
    struct mtasts_tls_report report = report_of(&policy, &domain, 1);
    CU_ASSERT(mtasts_by_domain_add(&by, &everything, &report));
  }
  CU_ASSERT(by.used == MTASTS_BY_DOMAIN_MAX && by.left_out == 5);
  snprintf(name, sizeof name, "d0.example");
  struct mtasts_tls_report report = report_of(&policy, &domain, 1);
  CU_ASSERT(mtasts_by_domain_add(&by, &everything, &report));
  const struct mtasts_domain_sums *first = mtasts_by_domain_find(&by, built_span(domain));
  CU_ASSERT(first && first->sums.reports == 2 && by.left_out == 5);
  mtasts_by_domain_free(&by);
}

const struct unit_test unit_tests[] = {
    {"policies of each domain apart", apart},
    {"only what the filter lets through", filtered},
    {"a bound on domains", bounded},
    {NULL, NULL},
};
