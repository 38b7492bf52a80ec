/*
 * build_report.h: reports for the tests of what is made of reports.
 */
#ifndef MTASTS_UNIT_REPORT_BUILD_REPORT_H
#define MTASTS_UNIT_REPORT_BUILD_REPORT_H

#include <string.h>

#include "instant.h"
#include "sums.h"

/* A report with one policy and at most one failure detail: none if result is NULL. */
struct built {
  const char *organization, *domain, *type, *mode, *result, *source, *mx;
  uint64_t successful, failed;
  int day; /* after 2001-09-09 */
};

enum {
  BUILT_EPOCH = 1000000000 - 1000000000 % MTASTS_DAY_SECONDS, /* 2001-09-09 */
};

static inline struct mtasts_span built_span(const char *text) {
  return (struct mtasts_span){text ? text : "", text ? strlen(text) : 0};
}

static inline bool built_add(struct mtasts_sums *sums, const struct mtasts_report_filter *filter,
                             const struct built *built) {
  const struct mtasts_report_detail detail = {
      .result = built_span(built->result),
      .source = built_span(built->source),
      .mx = built_span(built->mx),
      .sessions = built->failed,
  };
  const struct mtasts_report_policy policy = {
      .type = built_span(built->type ? built->type : "sts"),
      .domain = built_span(built->domain ? built->domain : "example.com"),
      .mode = built_span(built->mode),
      .successful = built->successful,
      .failed = built->failed,
      .details = built->result ? &detail : NULL,
      .detail_count = built->result ? 1 : 0,
  };
  const struct mtasts_tls_report report = {
      .organization = built_span(built->organization ? built->organization : "Org"),
      .start = BUILT_EPOCH + built->day * MTASTS_DAY_SECONDS,
      .end = BUILT_EPOCH + (built->day + 1) * MTASTS_DAY_SECONDS - 1,
      .policies = &policy,
      .policy_count = 1,
  };
  return mtasts_filter_report(filter, &report) && mtasts_sums_add(sums, filter, &report);
}

#endif
