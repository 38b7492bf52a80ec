/*
 * asker.h: asking mtastsd many things side by side, on one libevent loop.
 *
 * Each connection has one request at a time and is used again for the next. SIGPIPE is ignored
 * from mtasts_asker_new on.
 */
#ifndef MTASTS_TOOL_ASKER_H
#define MTASTS_TOOL_ASKER_H

#include "mtasts.h"

struct event_base;
struct mtasts_asker;

enum {
  MTASTS_ASKER_MAX = 64, /* requests at once; mtastsd has other clients too */
};

/*
 * Called once a request, from the loop; not to free the asker. The reply is good for the call.
 *
 *   MTASTS_OK       whatever the reply says
 *   MTASTS_AWAY     mtastsd has closed the connection
 *   MTASTS_TIMEOUT  no whole reply in time
 *   MTASTS_CORRUPT  no netstring
 */
typedef void mtasts_asker_fn(void *context, enum mtasts_status status, struct mtasts_span reply);

/* The path must outlive the asker. NULL: no memory. */
struct mtasts_asker *mtasts_asker_new(struct event_base *base, const char *path);

/*
 * Sends `MAP SPACE KEY`, which is copied. The caller holds itself to MTASTS_ASKER_MAX requests at
 * once. patience: milliseconds without a byte from mtastsd.
 *
 *   MTASTS_AWAY, MTASTS_PERMISSION, MTASTS_TIMEOUT, MTASTS_NO_MEMORY, MTASTS_IO
 *               not sent, and `done` will not be called
 */
enum mtasts_status mtasts_asker_ask(struct mtasts_asker *asker, const char *map,
                                    struct mtasts_span key, uint32_t patience,
                                    mtasts_asker_fn *done, void *context);

/* Drops what is in flight, without a call. NULL is fine. */
void mtasts_asker_free(struct mtasts_asker *asker);

#endif
