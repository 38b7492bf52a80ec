/*
 * ask.h: asking mtastsd, as the plugin and the milter do: one connection, a request and its reply
 * for each key, close. What the `entry` map replies is read by ruling.h.
 *
 * No thread, no signal handler, no descriptor left open, no allocation. SIGPIPE is not raised,
 * and signals that interrupt do not end the wait. The server is not trusted.
 */
#ifndef MTASTS_ASK_H
#define MTASTS_ASK_H

#include "ruling.h"

enum {
  MTASTS_ASK_MAP_MAX = 32, /* bytes of a map's name */
  MTASTS_ASK_GRACE = 250,  /* milliseconds that a client waits past the daemon's own deadline */
};

/*
 * Sends `MAP SPACE KEY` to the unix socket and waits for the reply.
 *
 * deadline: milliseconds for all of it. room: where the reply is read to with its framing
 * (netstring.h), which needs MTASTS_NETSTRING_HEAD + 1 bytes past the longest payload; *payload
 * points into it.
 *
 *   MTASTS_OK          whatever the reply says
 *   MTASTS_AWAY        nobody listens there
 *   MTASTS_PERMISSION  may not connect
 *   MTASTS_TIMEOUT     no whole reply in time
 *   MTASTS_CORRUPT     the reply is no netstring, does not fit, is cut short or did not come
 *   MTASTS_TOO_LARGE   the path of the socket, or the request, is too long
 *   MTASTS_IO          no descriptor left, and the like; errno is set
 */
enum mtasts_status mtasts_ask(const char *socket_path, const char *map, struct mtasts_span key,
                              uint32_t deadline, char *room, size_t room_size,
                              struct mtasts_span *payload);

/* The reply to keys[index]; it is good for the call. */
typedef void mtasts_ask_fn(void *context, size_t index, struct mtasts_span payload);

/*
 * The same for several keys, pipelined: `reply` is told of each in their order. deadline: for all
 * of them. On failure, those that came before it have been told. room: for one reply at a time;
 * more of it saves system calls.
 */
enum mtasts_status mtasts_ask_all(const char *socket_path, const char *map,
                                  const struct mtasts_span *keys, size_t count, uint32_t deadline,
                                  char *room, size_t room_size, mtasts_ask_fn *reply,
                                  void *context);

/* What an errno of connect(2) to such a socket means: AWAY, PERMISSION, TIMEOUT (EAGAIN: its
 * backlog is full) or IO. */
enum mtasts_status mtasts_ask_status(int error);

#endif
