/*
 * policy_id.h: the id of a policy (RFC 8461 section 3.1): the time, to the microsecond, in digits,
 * as in `20260131T120000123456`. Pure.
 */
#ifndef MTASTS_PUBLISH_POLICY_ID_H
#define MTASTS_PUBLISH_POLICY_ID_H

#include "mtasts.h"

/*
 * Writes a new id. It is later than the id before, even if the clock is not: so no id is given
 * twice. before: the last one, of whatever form; "" if there is none. now: microseconds.
 */
void mtasts_policy_id_new(const char *before, int64_t now, char id[MTASTS_ID_MAX + 1]);

/* The time of an id of this form, in seconds. False for another form. */
bool mtasts_policy_id_time(const char *id, int64_t *seconds);

/* The id in a text that holds the record, in quotes or not, as in a zone file. False: there is no
 * valid record. */
bool mtasts_policy_id_find(struct mtasts_span text, char id[MTASTS_ID_MAX + 1]);

#endif
