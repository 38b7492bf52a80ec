/*
 * share.h: which domains are of one owner, so that one owner cannot take all places of the
 * net loop.
 *
 * The organisational domain is an approximation, as there is no list of public suffixes
 * here: the last two labels, or three behind a country's `co`, `com`, `ac` and the like.
 * Names below a suffix that is not known as one share what one owner may have.
 */
#ifndef MTASTS_SHARE_H
#define MTASTS_SHARE_H

#include "mtasts.h"

/* The organisational domain, as the end of the domain's name. */
const char *mtasts_share_name(const struct mtasts_domain *domain);

#endif
