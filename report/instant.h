/*
 * instant.h: a moment as RFC 3339 writes it, and as senders of reports really write it. Pure.
 */
#ifndef MTASTS_REPORT_INSTANT_H
#define MTASTS_REPORT_INSTANT_H

#include "mtasts.h"

enum mtasts_instant {
  MTASTS_INSTANT_OK,
  MTASTS_INSTANT_NO_ZONE, /* taken to be UTC */
  MTASTS_INSTANT_SPACE,   /* a space for the T */
  MTASTS_INSTANT_SPACE_NO_ZONE,
  MTASTS_INSTANT_WRONG,
};

enum {
  MTASTS_DAY_SECONDS = 86400,
};

/*
 * Any fraction, any offset, letters in either case. A leap second is the second before. *seconds
 * are since the epoch, the fraction dropped; set unless WRONG. The year of the moment in UTC has
 * four digits.
 */
enum mtasts_instant mtasts_instant_parse(struct mtasts_span text, int64_t *seconds);

/* The midnight, UTC, that begins the day of a moment. */
int64_t mtasts_day_of(int64_t seconds);

#endif
