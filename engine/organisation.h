/*
 * organisation.h: which names belong together, for bounds that one owner of many names
 * must not get around.
 *
 * A guess, and meant to be one: the list of public suffixes is large, and of the day. If it
 * is wrong, neighbours are counted together, or (for an owner of a category) apart.
 */
#ifndef MTASTS_ORGANISATION_H
#define MTASTS_ORGANISATION_H

#include <stddef.h>

/* Where the organisational domain begins in a name of lower-case letters, without a dot at its end:
 * its last two labels, or three if they are a category and a country, as in co.uk. */
size_t mtasts_organisation_start(const char *name, size_t size);

#endif
