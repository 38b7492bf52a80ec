/*
 * results.h: the result types of RFC 8460 section 4.3: what each means, and what the owner of the
 * reported domain does about it.
 */
#ifndef MTASTS_REPORT_RESULTS_H
#define MTASTS_REPORT_RESULTS_H

#include "mtasts.h"

struct mtasts_result {
  const char *name;
  const char *meaning; /* one line */
  const char *remedy;  /* one line */
};

/* NULL if RFC 8460 does not know the name, which is in lower case. */
const struct mtasts_result *mtasts_result_find(struct mtasts_span name);

#endif
