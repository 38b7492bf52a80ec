/*
 * daemon_client.h: sends many requests to mtastsd in parallel, on one libevent loop.
 *
 * Each connection has one request at a time and is then used for the next. From
 * mtasts_daemon_client_new on, SIGPIPE is ignored.
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
 * Called once for each request, from the loop; must not free the client. The reply is valid during
 * the call.
 *
 * MTASTS_OK       a reply, whatever it says
 * MTASTS_AWAY     mtastsd has closed the connection
 * MTASTS_TIMEOUT  no complete reply in time
 * MTASTS_CORRUPT  the reply is no netstring
 */
typedef void mtasts_daemon_client_fn(void *context, enum mtasts_status status,
                                     struct mtasts_span reply);

/* The path must outlive the client. NULL: no memory. */
struct mtasts_daemon_client *mtasts_daemon_client_new(struct event_base *base, const char *path);

/*
 * Sends `MAP SPACE KEY`, which is copied. The caller must not exceed MTASTS_DAEMON_CLIENT_MAX
 * requests at once. timeout: milliseconds without a byte from mtastsd.
 *
 * MTASTS_AWAY, MTASTS_PERMISSION, MTASTS_TIMEOUT, MTASTS_NO_MEMORY, MTASTS_IO
 *             the request is not sent, and `done` will not be called
 */
enum mtasts_status mtasts_daemon_client_ask(struct mtasts_daemon_client *client, const char *map,
                                            struct mtasts_span key, uint32_t timeout,
                                            mtasts_daemon_client_fn *done, void *context);

/* Drops all requests in flight without calling `done`. NULL is fine. */
void mtasts_daemon_client_free(struct mtasts_daemon_client *client);

#endif
