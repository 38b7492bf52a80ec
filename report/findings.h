/*
 * findings.h: what sums of reports mean for the owner of the domains, each with its evidence and
 * what to do. Pure functions over the sums.
 */
#ifndef MTASTS_REPORT_FINDINGS_H
#define MTASTS_REPORT_FINDINGS_H

#include "check_note.h"

enum mtasts_finding_level {
  MTASTS_FINDING_GOOD,
  MTASTS_FINDING_NOTICE,
  MTASTS_FINDING_PROBLEM,
};

/* Names of strangers stand in the texts as they are. */
struct mtasts_report_finding {
  const char *id; /* "ready-for-enforce" … */
  enum mtasts_finding_level level;
  char text[384];
  char remedy[256]; /* "" if there is nothing to do */
  /* of single-cause, what a check of now says of its domain; verdict NULL: nothing */
  struct mtasts_check_note check;
};

const char *mtasts_finding_level_name(enum mtasts_finding_level level);

enum {
  MTASTS_FINDINGS_MAX = 50, /* of each id, the largest first */
};

typedef void mtasts_finding_fn(void *context, const struct mtasts_report_finding *finding);

/* Problems come first. Returns false without memory. */
bool mtasts_report_findings(const struct mtasts_sums *sums, mtasts_finding_fn *finding,
                            void *context);

#endif
