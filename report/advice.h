/*
 * advice.h: the result types of RFC 8460 section 4.3: what each means, and what the owner of the
 * reported domain does about it.
 */
#ifndef MTASTS_REPORT_ADVICE_H
#define MTASTS_REPORT_ADVICE_H

#include "mtasts.h"

struct mtasts_advice {
  const char *name;
  const char *meaning; /* one line */
  const char *remedy;  /* one line */
};

/* NULL if RFC 8460 does not know the name, which is in lower case. */
const struct mtasts_advice *mtasts_advice_find(struct mtasts_span name);

#endif
