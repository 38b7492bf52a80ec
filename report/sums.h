/*
 * sums.h: what many reports come to. Sessions that succeeded and failed are those of the summaries;
 * result types, senders and MX hosts are those of the failure details (RFC 8460 section 4.4:
 * details may overlap, so they are never added up to totals).
 *
 * Memory does not grow with the number of reports, except 16 bytes each by which duplicates are
 * known. Threads: one.
 */
#ifndef MTASTS_REPORT_SUMS_H
#define MTASTS_REPORT_SUMS_H

#include "address_names.h"
#include "parse.h"
#include "tally.h"

struct mtasts_report_check;

struct mtasts_sums {
  uint64_t reports, successful, failed;
  int64_t start, end; /* earliest start and latest time that is named; only if reports > 0 */
  /* A session that a reporter counts under two policies of one domain is in both sums above. Here
   * only the policy with most sessions of each domain of a report counts. */
  uint64_t once_successful, once_failed;
  struct mtasts_policy_counts results, sources, reporters, mx, days, domains;

  /* names of parts (tally.h) */
  struct mtasts_policy_counts policies;      /* policy-domain, policy-type */
  struct mtasts_policy_counts modes;         /* policy-domain, mode: of policies of type sts */
  struct mtasts_policy_counts causes;        /* policy-domain, result-type, MX host */
  struct mtasts_policy_counts reporter_days; /* organization, day */
  struct mtasts_policy_counts views;         /* policy-domain, policy-type, organization */

  /* organization, submitter: reports that the submitter signed (successful), and that it did not
   * (failed), as the receiving host found; signature.h */
  struct mtasts_policy_counts signatures;

  const struct mtasts_address_names *names; /* of sources, the caller's; NULL: not asked for */
  const struct mtasts_report_check *check;  /* check_note.h, the caller's; NULL: none */
};

/* What counts. Zeroed: everything. */
struct mtasts_report_filter {
  bool since_given, until_given, failures;
  int64_t since, until;      /* days, both included, by the report's day */
  struct mtasts_span domain; /* this one and all below it; empty for all. In normal form */
};

/* Is this report counted, by its day and its policies? And this policy of it? */
bool mtasts_filter_report(const struct mtasts_report_filter *filter,
                          const struct mtasts_tls_report *report);
bool mtasts_filter_policy(const struct mtasts_report_filter *filter,
                          const struct mtasts_report_policy *policy);

void mtasts_sums_init(struct mtasts_sums *sums);

/* Adds a report that the filter lets through, and of it such policies. Returns false without
 * memory. */
bool mtasts_sums_add(struct mtasts_sums *sums, const struct mtasts_report_filter *filter,
                     const struct mtasts_tls_report *report);

void mtasts_sums_free(struct mtasts_sums *sums);

/* The day of a count of `days`, as text. */
struct mtasts_day_text {
  char text[11];
};
struct mtasts_day_text mtasts_day_text(int64_t day);

#endif
