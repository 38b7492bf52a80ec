/*
 * week.h: a week of mtastsd in seconds: its tick, refresh sweep, due queue, look-up tasks, log and
 * store, under a clock that is made up, with net/lookup.c replaced by the script of a made-up
 * world.
 *
 * In the first hour every domain is asked for once, as when a new cache is filled; from then on a
 * share of them each day. In the middle of the week the daemon is restarted.
 */
#ifndef SIM_WEEK_H
#define SIM_WEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
  WEEK_HOURS = 7 * 24,
  WEEK_CHECKS = 16,
};

struct week_options {
  const char *directory; /* of the cache; empty */
  uint32_t domains;
  uint32_t step; /* seconds from round to round; a second in life */
};

/* A figure that must not be more than its limit. */
struct week_check {
  const char *what;
  double value;
  double max;
};

struct week_report {
  uint32_t domains;
  uint32_t txt[WEEK_HOURS];     /* questions for a record */
  uint32_t fetches[WEEK_HOURS]; /* tries to fetch a policy */
  uint64_t fetched, failed, uses, warnings;
  uint64_t lost, early;
  double mean, peak;    /* fetches an hour, after the first day */
  size_t due_queue_max; /* domains on it at a time */
  size_t checks_made;
  struct week_check checks[WEEK_CHECKS];
};

/* False: no memory, or the store does not open. */
bool week_live(const struct week_options *options, struct week_report *report);

static inline bool week_check_holds(const struct week_check *check) {
  return check->value <= check->max;
}

/* The requests of each hour as a chart, the checks as a table, and the week in one line. */
void week_print(const struct week_report *report, FILE *out);

#endif
