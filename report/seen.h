/*
 * seen.h: which reports were seen before. The same report is one of the same organization-name,
 * report-id, dates and policy-domains, in whatever wrapping; without a report-id, the same JSON
 * text.
 *
 * Memory: 16 bytes of a SHA-256 for each report, 32 at most with the table's free slots.
 */
#ifndef MTASTS_REPORT_SEEN_H
#define MTASTS_REPORT_SEEN_H

#include "parse.h"

struct mtasts_seen;

/* NULL without memory. */
struct mtasts_seen *mtasts_seen_new(void);
void mtasts_seen_free(struct mtasts_seen *seen);

enum mtasts_seen_answer {
  MTASTS_SEEN_NEW,
  MTASTS_SEEN_BEFORE,
  MTASTS_SEEN_NO_MEMORY,
};

/* Asks, and remembers. text is the report as it was written. */
enum mtasts_seen_answer mtasts_seen_add(struct mtasts_seen *seen,
                                        const struct mtasts_tls_report *report,
                                        struct mtasts_span text);

#endif
