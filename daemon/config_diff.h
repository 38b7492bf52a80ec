/*
 * config_diff.h: which settings of a new configuration need a restart: those of files and sockets
 * that are open, and of the user that mtastsd runs as.
 */
#ifndef MTASTS_CONFIG_DIFF_H
#define MTASTS_CONFIG_DIFF_H

#include "config.h"

/* Writes the keys and sections that differ, as in "cache, ask.socket"; "" if none differs. */
void mtasts_config_diff_needs_restart(const struct mtasts_config *old,
                                      const struct mtasts_config *new, char *out, size_t size);

/* Is section dns the same? If not, the net loop makes another resolver. */
bool mtasts_config_diff_same_dns(const struct mtasts_config *a, const struct mtasts_config *b);

#endif
