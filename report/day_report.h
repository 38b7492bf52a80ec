/*
 * day_report.h: what was counted for one policy domain on one UTC day, read into memory.
 *
 * All of it belongs to the struct and lives until mtasts_day_report_free. Policies and details are
 * sorted by their packed bytes, so that the same counters have the same order everywhere.
 */
#ifndef MTASTS_REPORT_DAY_REPORT_H
#define MTASTS_REPORT_DAY_REPORT_H

#include "counter_record.h"
#include "instant.h"

struct mtasts_day_detail {
  struct mtasts_outcome_detail detail;
  uint64_t count;
  struct mtasts_span packed;
};

struct mtasts_day_policy {
  struct mtasts_outcome_policy policy;
  uint64_t successful, failed; /* sessions */
  struct mtasts_day_detail *details;
  size_t detail_count;
  struct mtasts_span packed;
};

struct mtasts_day_report {
  uint32_t day; /* since 1970-01-01, UTC */
  struct mtasts_domain domain;
  unsigned kinds;              /* bits of enum mtasts_report_domain */
  uint64_t successful, failed; /* sums over the policies */
  struct mtasts_day_policy *policies;
  size_t policy_count;
  struct mtasts_day_detail *details; /* of all policies */
  char *bytes;                       /* that all spans point into */
};

void mtasts_day_report_free(struct mtasts_day_report *report);

/* The UTC day of a time; 0 for a time before 1970. */
static inline uint32_t mtasts_day_number(int64_t seconds) {
  return seconds > 0 ? (uint32_t)(seconds / MTASTS_DAY_SECONDS) : 0;
}

/* Reads a domain's day in one transaction. Returns 0, an errno or an LMDB error; MDB_NOTFOUND:
 * nothing was counted. */
int mtasts_day_report_read(MDB_txn *txn, const struct mtasts_counter_tables *tables, uint32_t day,
                           const struct mtasts_domain *domain, struct mtasts_day_report **report);

#endif
