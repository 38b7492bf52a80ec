/*
 * show.h: by what sums are broken down: the words of `--by`, and the tables behind them.
 */
#ifndef MTASTS_REPORT_SHOW_H
#define MTASTS_REPORT_SHOW_H

#include "sums.h"

enum mtasts_show_by {
  MTASTS_BY_RESULT,
  MTASTS_BY_SOURCE,
  MTASTS_BY_REPORTER,
  MTASTS_BY_MX,
  MTASTS_BY_DAY,
  MTASTS_BY_DOMAIN,
};

struct mtasts_show_table {
  const char *word;  /* of --by */
  const char *list;  /* of JSON */
  const char *key;   /* of a name in JSON and CSV */
  const char *title; /* for people */
  bool details;      /* only failed sessions, those of failure-details; else both, of summaries */
  enum mtasts_tally_order order;
};

/* NULL behind the last one. */
const struct mtasts_show_table *mtasts_show_table(enum mtasts_show_by by);

/* Returns false for a word that names none. */
bool mtasts_show_by_read(const char *word, enum mtasts_show_by *by);

const struct mtasts_policy_counts *mtasts_show_tally(const struct mtasts_sums *sums,
                                                     enum mtasts_show_by by);

#endif
