/*
 * plan_text.h: in words, with dates, what to do with what is published: TLS reports first, then
 * mode testing, then enforce; how to change an MX host, and how to leave. Pure.
 */
#ifndef MTASTS_PUBLISH_PLAN_TEXT_H
#define MTASTS_PUBLISH_PLAN_TEXT_H

#include <stdio.h>

#include "publication.h"

/* Every date follows from the time at which the policy was made, so the text stays the same until
 * the policy changes. Errors of the stream are the caller's to see. */
void mtasts_plan_text(FILE *stream, const struct mtasts_publication *publication);

#endif
