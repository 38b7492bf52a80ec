/*
 * by_domain.h: sums of each domain apart, for a page of its own.
 *
 * At most MTASTS_BY_DOMAIN_MAX domains are kept apart; `left_out` counts the reports' policies of
 * the others. Threads: one.
 */
#ifndef MTASTS_REPORT_BY_DOMAIN_H
#define MTASTS_REPORT_BY_DOMAIN_H

#include "sums.h"

enum {
  MTASTS_BY_DOMAIN_MAX = 1000,
};

struct mtasts_domain_sums {
  struct mtasts_span domain; /* the struct's own */
  struct mtasts_sums sums;
};

struct mtasts_by_domain {
  void *tree; /* of tsearch(3) */
  size_t used;
  uint64_t left_out;
  bool host_known; /* for all sums (sums.h); set before the first is added */
};

/* Adds the policies that the filter lets through. Returns false without memory. */
bool mtasts_by_domain_add(struct mtasts_by_domain *by, const struct mtasts_report_filter *filter,
                          const struct mtasts_tls_report *report);

/* NULL if there is none. */
const struct mtasts_domain_sums *mtasts_by_domain_find(const struct mtasts_by_domain *by,
                                                       struct mtasts_span domain);

void mtasts_by_domain_free(struct mtasts_by_domain *by);

#endif
