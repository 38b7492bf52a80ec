/*
 * filter.h: what libmilter calls. For each outbound message: the assessments of its domains are
 * asked for when it ends, logged, and flagged in a header field; a field of that name that came
 * with any message is removed. The body is never asked for, and where the MTA agrees, no answer but
 * the last is.
 *
 * libmilter gives its callbacks no context of their own, so a process has one filter. Sessions
 * wander between threads: all that is of one is kept with libmilter (smfi_setpriv).
 */
#ifndef MTASTS_MILTER_FILTER_H
#define MTASTS_MILTER_FILTER_H

#include <stdbool.h>

#include "snapshot.h"

/* Registers the callbacks. The snapshot's reference becomes the filter's. False: libmilter refuses.
 * Before any session. */
bool mtasts_filter_begin(struct mtasts_snapshot *snapshot);

/* From the next message on, another configuration, whose reference is taken over. Any thread. */
void mtasts_filter_configure(struct mtasts_snapshot *snapshot);

/* Messages that have begun and not ended. Any thread. */
unsigned mtasts_filter_busy(void);

/* `messages=… outbound=… …`: what was done so far. Any thread. */
void mtasts_filter_counts(char *out, size_t size);

#endif
