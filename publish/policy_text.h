/*
 * policy_text.h: a policy as the body of mta-sts.txt (RFC 8461 section 3.2). Pure.
 */
#ifndef MTASTS_PUBLISH_POLICY_TEXT_H
#define MTASTS_PUBLISH_POLICY_TEXT_H

#include <stdio.h>

#include "publication.h"

/* Errors of the stream are the caller's to see. */
void mtasts_policy_text(FILE *stream, const struct mtasts_publication *publication);

/* Do they have the same mode, max_age and set of mx patterns? The order, and repeats, do not
 * count. */
bool mtasts_policy_same(const struct mtasts_policy *a, const struct mtasts_policy *b);

#endif
