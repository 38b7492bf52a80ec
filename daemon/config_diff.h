/*
 * config_diff.h: what of a new configuration a running mtastsd cannot take up: what it opened, and
 * who it has become.
 */
#ifndef MTASTS_CONFIG_DIFF_H
#define MTASTS_CONFIG_DIFF_H

#include "config.h"

/* Writes the keys and sections that differ, as in "cache, ask.socket"; "" where none does. */
void mtasts_config_diff_needs_restart(const struct mtasts_config *old,
                                      const struct mtasts_config *new, char *out, size_t size);

/* Is section dns the same? If not, the net loop makes another resolver. */
bool mtasts_config_diff_same_dns(const struct mtasts_config *a, const struct mtasts_config *b);

#endif
