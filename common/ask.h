/*
 * ask.h: asking mtastsd, as the plugin and the milter do: one connection, a request and its reply
 * for each key, close. What the `entry` map replies is read by entry_reply.h.
 *
 * No thread, no signal handler, no allocation, no descriptor left open but kept ones. SIGPIPE is
 * not raised, and signals that interrupt do not end the wait. The server is not trusted.
 */
#ifndef MTASTS_ASK_H
#define MTASTS_ASK_H

#include <pthread.h>

#include "entry_reply.h"

enum {
  MTASTS_ASK_KEPT = 4,     /* connections kept by a process; more at a time are closed after use */
  MTASTS_ASK_MAP_MAX = 32, /* bytes of a map's name */
  MTASTS_ASK_GRACE = 250,  /* milliseconds that a client waits past the daemon's own deadline */
};

/*
 * Connections that are kept for the next question, of one process and any number of its threads.
 * Zero at the start. All lead to one socket. mtastsd may close an idle one at any time. One with
 * bytes that nothing was asked for is not used.
 */
struct mtasts_ask_kept {
  pthread_mutex_t lock;
  char path[108]; /* of that socket, as long as a sockaddr_un may have it */
  int fds[MTASTS_ASK_KEPT];
  size_t count;
};

/* Whom to ask, and by when. */
struct mtasts_ask {
  const char *socket; /* path of the unix socket */
  const char *map;
  uint32_t deadline; /* milliseconds for all of it */
  /* Where a reply is read to with its framing (netstring.h), which needs MTASTS_NETSTRING_HEAD + 1
   * bytes past the longest payload. For several keys more of it saves system calls. */
  char *buffer;
  size_t buffer_size;
  /* NULL: a connection of its own. Else a kept one is used if there is one. If that has died before
   * the first reply, all keys are asked for once more over a new connection, by the same
   * deadline. */
  struct mtasts_ask_kept *kept;
};

/*
 * Sends `MAP SPACE KEY` and waits for the reply; *payload points into the room.
 *
 *   MTASTS_OK          whatever the reply says
 *   MTASTS_AWAY        nobody listens there
 *   MTASTS_PERMISSION  may not connect
 *   MTASTS_TIMEOUT     no whole reply in time
 *   MTASTS_CORRUPT     the reply is no netstring, does not fit, is cut short or did not come
 *   MTASTS_TOO_LARGE   the path of the socket, or the request, is too long
 *   MTASTS_IO          no descriptor left, and the like; errno is set
 */
enum mtasts_status mtasts_ask(const struct mtasts_ask *ask, struct mtasts_span key,
                              struct mtasts_span *payload);

/* The reply to keys[index]; it is good for the call. */
typedef void mtasts_ask_fn(void *context, size_t index, struct mtasts_span payload);

/* The same for several keys, pipelined: `reply` is told of each in their order. On failure, those
 * that came before it have been told. */
enum mtasts_status mtasts_ask_all(const struct mtasts_ask *ask, const struct mtasts_span *keys,
                                  size_t count, mtasts_ask_fn *reply, void *context);

/* What an errno of connect(2) to such a socket means: AWAY, PERMISSION, TIMEOUT (EAGAIN: its
 * backlog is full) or IO. */
enum mtasts_status mtasts_ask_status(int error);

/* Closes those that are kept. */
void mtasts_ask_forget(struct mtasts_ask_kept *kept);

#endif
