/*
 * found_results.h: a finding beside the result types of RFC 8460 section 4.3: which of them senders
 * report for it, and which it keeps a check from judging, as a server that is not reached keeps its
 * certificate. Wider than a finding's `result_type`, which is what a sender reports of one session.
 */
#ifndef MTASTS_FOUND_RESULTS_H
#define MTASTS_FOUND_RESULTS_H

#include "finding.h"

/* Sets of MTASTS_RESULT_BIT (report/check_note.h). */
struct mtasts_found_results {
  uint32_t shows, hides;
};

struct mtasts_found_results mtasts_found_results(const struct mtasts_finding *finding);

#endif
