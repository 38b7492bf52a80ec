/*
 * organisation.h: groups names by owner, so that the owner of many names cannot get around a bound.
 *
 * This is a guess on purpose: the list of public suffixes is large and changes often. A wrong guess
 * counts two owners as one, or one owner of a whole category as several.
 */
#ifndef MTASTS_ORGANISATION_H
#define MTASTS_ORGANISATION_H

#include <stddef.h>

/* The offset of the organisational domain in a lower-case name without a trailing dot. It is the
 * last two labels, or three if the last two are a category and a country, as in co.uk. */
size_t mtasts_organisation_start(const char *name, size_t size);

#endif
