/*
 * watch.h: what has changed in reports since they were looked at last: the state between two looks,
 * and the alerts. Pure.
 *
 * The sums are of the last MTASTS_WATCH_DAYS days. The state is a JSON object:
 *   {"version":1, "looked":"2026-03-01T06:00:00Z",
 *    "results":[["example.com","certificate-expired"], …],   that were seen
 *    "days":[["Google Inc.","2026-02-28"], …],               of which there are reports
 *    "over":["Google Inc."], "silent":["Comcast"]}           of which there was an alert
 */
#ifndef MTASTS_REPORT_WATCH_H
#define MTASTS_REPORT_WATCH_H

#include <jansson.h>

#include "findings.h"
#include "reporter_days.h"

enum {
  MTASTS_WATCH_DAYS = 35,
  MTASTS_WATCH_SILENT = 3, /* days without a report, before a daily reporter is silent */
  MTASTS_WATCH_RECENT = 7, /* days; a limit that was passed before is no news */
};

struct mtasts_watch {
  const struct mtasts_sums *sums;
  const json_t *before; /* the state of the last look; NULL: this is the first one */
  const struct mtasts_report_limit *limit;
  int64_t now;
};

/* What is new, not counting what is gone. */
struct mtasts_watch_new {
  uint64_t days; /* a day of a reporter, each */
  uint64_t successful, failed;
};

/*
 * Alerts, in the form of findings: "result-appeared" (not at the first look), "failures-over",
 * "failures-under", "reporter-silent", "reporter-returned". The level of those that tell of an end
 * is GOOD. Returns the new state, the caller's to release; NULL without memory.
 */
json_t *mtasts_watch(const struct mtasts_watch *watch, mtasts_finding_fn *alert, void *context,
                     struct mtasts_watch_new *fresh);

/* Is it a state that mtasts_watch returned? */
bool mtasts_watch_state_valid(const json_t *state);

#endif
