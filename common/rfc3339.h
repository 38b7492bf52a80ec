/*
 * rfc3339.h: seconds since the epoch as people and JSON write them, in UTC:
 * `2026-01-01T00:00:00Z`, years 0000 to 9999. Pure; no locale, no time zone.
 */
#ifndef MTASTS_RFC3339_H
#define MTASTS_RFC3339_H

#include "mtasts.h"

enum {
  MTASTS_RFC3339_SIZE = 21 /* bytes, with the NUL */
};

/* False, and out is "", if the year does not have four digits. */
bool mtasts_rfc3339_format(int64_t seconds, char out[MTASTS_RFC3339_SIZE]);

/* Exactly the form above: no fraction, no offset but Z, no leap second. */
bool mtasts_rfc3339_parse(struct mtasts_span text, int64_t *seconds);

/* `2026-01-01`: the midnight that begins that day. */
bool mtasts_date_parse(struct mtasts_span text, int64_t *seconds);

#endif
