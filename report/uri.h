/*
 * uri.h: is a text a URI of RFC 3986? Pure.
 */
#ifndef MTASTS_REPORT_URI_H
#define MTASTS_REPORT_URI_H

#include "mtasts.h"

/* Only the characters that a URI may have, each where it may be: a scheme, percent triplets, one
 * fragment at most, brackets around an address alone. The text must say more than its scheme. */
bool mtasts_uri_valid(struct mtasts_span text);

#endif
