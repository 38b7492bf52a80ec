/*
 * field.h: the header fields of a message that the milter needs. Pure.
 */
#ifndef MTASTS_MILTER_FIELD_H
#define MTASTS_MILTER_FIELD_H

#include "mtasts.h"

/* Is this the name of that field? Case is ignored. */
bool mtasts_field_is(const char *name, const char *wanted);

/* RFC 8689 section 5: does the value of a TLS-Required field say No, and nothing else? */
bool mtasts_field_says_no(struct mtasts_span value);

#endif
