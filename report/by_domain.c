#include "by_domain.h"

#include <search.h>
#include <stdlib.h>

#include "span.h"

static int compare_spans(struct mtasts_span a, struct mtasts_span b) {
  size_t common = a.len < b.len ? a.len : b.len;
  int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_sums(const void *left, const void *right) {
  return compare_spans(((const struct mtasts_domain_sums *)left)->domain,
                       ((const struct mtasts_domain_sums *)right)->domain);
}

static int compare_policies(const void *left, const void *right) {
  return compare_spans(((const struct mtasts_report_policy *)left)->domain,
                       ((const struct mtasts_report_policy *)right)->domain);
}

const struct mtasts_domain_sums *mtasts_by_domain_find(const struct mtasts_by_domain *by,
                                                       struct mtasts_span domain) {
  const struct mtasts_domain_sums wanted = {.domain = domain};
  void *const *found = tfind(&wanted, &by->tree, compare_sums);
  return found ? *found : NULL;
}

static struct mtasts_domain_sums *new_sums(struct mtasts_by_domain *by, struct mtasts_span domain) {
  struct mtasts_domain_sums *sums = malloc(sizeof *sums + domain.len);
  if (!sums)
    return NULL;
  char *name = (char *)(sums + 1);
  if (domain.len > 0)
    memcpy(name, domain.data, domain.len);
  sums->domain = (struct mtasts_span){name, domain.len};
  mtasts_sums_init(&sums->sums);
  sums->sums.host_known = by->host_known;
  if (!tsearch(sums, &by->tree, compare_sums)) {
    free(sums);
    return NULL;
  }
  by->used++;
  return sums;
}

/* The report's policies of one domain. */
static bool add_domain(struct mtasts_by_domain *by, const struct mtasts_report_filter *filter,
                       const struct mtasts_tls_report *report) {
  const struct mtasts_domain_sums wanted = {.domain = report->policies[0].domain};
  void *const *found = tfind(&wanted, &by->tree, compare_sums);
  struct mtasts_domain_sums *sums = found ? *found : NULL;
  if (!mtasts_filter_report(filter, report))
    return true;
  if (!sums && by->used >= MTASTS_BY_DOMAIN_MAX) {
    by->left_out += report->policy_count;
    return true;
  }
  if (!sums)
    sums = new_sums(by, wanted.domain);
  return sums && mtasts_sums_add(&sums->sums, filter, report);
}

bool mtasts_by_domain_add(struct mtasts_by_domain *by, const struct mtasts_report_filter *filter,
                          const struct mtasts_tls_report *report) {
  struct mtasts_tls_report part = *report;
  bool done = true;
  if (report->policy_count == 0)
    return true;
  struct mtasts_report_policy *policies = calloc(report->policy_count, sizeof *policies);
  if (!policies)
    return false;
  memcpy(policies, report->policies, report->policy_count * sizeof *policies);
  qsort(policies, report->policy_count, sizeof *policies, compare_policies);
  for (size_t i = 0; i < report->policy_count && done; i += part.policy_count) {
    part.policies = &policies[i];
    part.policy_count = 1;
    while (i + part.policy_count < report->policy_count &&
           compare_policies(&policies[i], &policies[i + part.policy_count]) == 0)
      part.policy_count++;
    done = add_domain(by, filter, &part);
  }
  free(policies);
  return done;
}

static void free_sums(void *node) {
  struct mtasts_domain_sums *sums = node;
  mtasts_sums_free(&sums->sums);
  free(sums);
}

void mtasts_by_domain_free(struct mtasts_by_domain *by) {
  tdestroy(by->tree, free_sums);
  by->tree = NULL;
  by->used = 0;
}
