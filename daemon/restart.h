/*
 * restart.h: what of a new configuration a running mtastsd cannot take up: what it opened, and who
 * it has become.
 */
#ifndef MTASTS_RESTART_H
#define MTASTS_RESTART_H

#include "config.h"

/* Writes the keys and sections that differ, as in "cache, ask.socket"; "" where none does. */
void mtasts_restart_needed(const struct mtasts_config *old, const struct mtasts_config *new,
                           char *out, size_t size);

/* Is section dns the same? If not, the net loop makes another resolver. */
bool mtasts_same_dns(const struct mtasts_config *a, const struct mtasts_config *b);

#endif
