/*
 * daemon_client.h: asking mtastsd many things side by side, on one libevent loop.
 *
 * Each connection has one request at a time and is used again for the next. SIGPIPE is ignored
 * from mtasts_daemon_client_new on.
 */
#ifndef MTASTS_TOOL_DAEMON_CLIENT_H
#define MTASTS_TOOL_DAEMON_CLIENT_H

#include "mtasts.h"

struct event_base;
struct mtasts_daemon_client;

enum {
  MTASTS_DAEMON_CLIENT_MAX = 64, /* requests at once; mtastsd has other clients too */
};

/*
 * Called once a request, from the loop; not to free the client. The reply is good for the call.
 *
 *   MTASTS_OK       whatever the reply says
 *   MTASTS_AWAY     mtastsd has closed the connection
 *   MTASTS_TIMEOUT  no whole reply in time
 *   MTASTS_CORRUPT  no netstring
 */
typedef void mtasts_daemon_client_fn(void *context, enum mtasts_status status,
                                     struct mtasts_span reply);

/* The path must outlive the client. NULL: no memory. */
struct mtasts_daemon_client *mtasts_daemon_client_new(struct event_base *base, const char *path);

/*
 * Sends `MAP SPACE KEY`, which is copied. The caller holds itself to MTASTS_DAEMON_CLIENT_MAX
 * requests at once. timeout: milliseconds without a byte from mtastsd.
 *
 *   MTASTS_AWAY, MTASTS_PERMISSION, MTASTS_TIMEOUT, MTASTS_NO_MEMORY, MTASTS_IO
 *               not sent, and `done` will not be called
 */
enum mtasts_status mtasts_daemon_client_ask(struct mtasts_daemon_client *client, const char *map,
                                            struct mtasts_span key, uint32_t timeout,
                                            mtasts_daemon_client_fn *done, void *context);

/* Drops what is in flight, without a call. NULL is fine. */
void mtasts_daemon_client_free(struct mtasts_daemon_client *client);

#endif
