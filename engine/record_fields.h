/*
 * record_fields.h: which TXT records at `_mta-sts.` are meant for MTA-STS, and the fields of one
 * (RFC 8461 section 3.1). mtasts_record_parse says what they come to. Pure.
 */
#ifndef MTASTS_RECORD_FIELDS_H
#define MTASTS_RECORD_FIELDS_H

#include "mtasts.h"

/* Does the record begin with `v=STSv1` and a delimiter? Then both are taken off. */
bool mtasts_record_begin(struct mtasts_span *txt);

/* Takes the next of the fields behind the version and gives its name. False at the end, and at a
 * field that is none. */
bool mtasts_record_next(struct mtasts_span *fields, struct mtasts_span *name);

#endif
