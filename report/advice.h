/*
 * advice.h: the result types of RFC 8460 section 4.3: what each means, and what the owner of the
 * reported domain does about it.
 */
#ifndef MTASTS_REPORT_ADVICE_H
#define MTASTS_REPORT_ADVICE_H

#include "mtasts.h"

struct mtasts_advice {
  const char *meaning; /* one line */
  const char *remedy;  /* one line */
};

/* Returns false if RFC 8460 does not know the name, which is in lower case. */
bool mtasts_advice_find(struct mtasts_span name, struct mtasts_advice *advice);
bool mtasts_advice_known(struct mtasts_span name);

#endif
