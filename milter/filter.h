/*
 * filter.h: the callbacks of libmilter. When an outbound message ends, the filter asks for the
 * assessments of its domains, logs them, and adds a header field. A field of that name that came
 * with any message is removed. The filter never asks for the body. If the MTA agrees, only the last
 * callback is answered.
 *
 * libmilter gives its callbacks no context of their own, so a process has one filter. Sessions move
 * between threads: all data of a session is kept with libmilter (smfi_setpriv).
 */
#ifndef MTASTS_MILTER_FILTER_H
#define MTASTS_MILTER_FILTER_H

#include <stdbool.h>

#include "snapshot.h"

/* Registers the callbacks; call before any session. The filter takes over the snapshot's reference.
 * False: libmilter refuses. */
bool mtasts_filter_begin(struct mtasts_snapshot *snapshot);

/* Sets the configuration for all messages that begin from now on; takes over its reference. Any
 * thread. */
void mtasts_filter_configure(struct mtasts_snapshot *snapshot);

/* Messages that have begun and not ended. Any thread. */
unsigned mtasts_filter_busy(void);

/* `messages=… outbound=… …`: what the filter has done so far. Any thread. */
void mtasts_filter_counts(char *out, size_t size);

#endif
