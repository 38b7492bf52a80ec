/*
 * ask.h: asks mtastsd, for the plugin and the milter: one connection, a request and its reply for
 * each key, close. entry_reply.h reads a reply of the map `entry`.
 *
 * No thread, no signal handler, no allocation. No descriptor stays open except kept ones. SIGPIPE
 * is not raised, and a signal does not end the wait. The server is not trusted.
 */
#ifndef MTASTS_ASK_H
#define MTASTS_ASK_H

#include <pthread.h>

#include "entry_reply.h"

enum {
  MTASTS_ASK_KEPT = 4,     /* connections that a process keeps; any others are closed after use */
  MTASTS_ASK_MAP_MAX = 32, /* bytes of a map's name */
  MTASTS_ASK_GRACE = 250,  /* milliseconds that a client waits past the daemon's own deadline */
};

/*
 * Connections that one process keeps for the next request, of any of its threads. Zero at the
 * start. All are to one socket. mtastsd may close an idle one at any time. A connection with
 * unexpected bytes is not used.
 */
struct mtasts_ask_kept {
  pthread_mutex_t lock;
  char path[108]; /* of that socket, at most as long as in a sockaddr_un */
  int fds[MTASTS_ASK_KEPT];
  size_t count;
};

/* Which socket to ask, and by when. */
struct mtasts_ask {
  const char *socket; /* path of the unix socket */
  const char *map;
  uint32_t deadline; /* milliseconds for all of it */
  /* A reply is read into this buffer with its framing (netstring.h), which needs
   * MTASTS_NETSTRING_HEAD + 1 bytes more than the longest payload. For several keys a larger buffer
   * saves system calls. */
  char *buffer;
  size_t buffer_size;
  /* NULL: a connection of its own. Else a kept one is used if there is one. If that ends before the
   * first reply, all requests are sent once more over a new connection, with the same deadline. */
  struct mtasts_ask_kept *kept;
};

/*
 * Sends `MAP SPACE KEY` and waits for the reply; *payload points into the buffer.
 *
 *   MTASTS_OK          a reply arrived, whatever it says
 *   MTASTS_AWAY        no process listens there
 *   MTASTS_PERMISSION  may not connect
 *   MTASTS_TIMEOUT     no whole reply in time
 *   MTASTS_CORRUPT     the reply is not a netstring, does not fit, is cut short or did not come
 *   MTASTS_TOO_LARGE   the path of the socket, or the request, is too long
 *   MTASTS_IO          no descriptor left, and the like; errno is set
 */
enum mtasts_status mtasts_ask(const struct mtasts_ask *ask, struct mtasts_span key,
                              struct mtasts_span *payload);

/* Receives the reply to keys[index]; the payload is valid during the call. */
typedef void mtasts_ask_fn(void *context, size_t index, struct mtasts_span payload);

/* The same for several keys, pipelined: calls `reply` for each, in their order. If it fails,
 * `reply` has been called for the replies that arrived before. */
enum mtasts_status mtasts_ask_all(const struct mtasts_ask *ask, const struct mtasts_span *keys,
                                  size_t count, mtasts_ask_fn *reply, void *context);

/* The status for an errno of connect(2) to such a socket: AWAY, PERMISSION, TIMEOUT (EAGAIN: its
 * backlog is full) or IO. */
enum mtasts_status mtasts_ask_status(int error);

/* Closes the kept connections. */
void mtasts_ask_forget(struct mtasts_ask_kept *kept);

#endif
