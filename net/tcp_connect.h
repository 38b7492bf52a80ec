/*
 * tcp_connect.h: connects to one address on a libevent loop, and says how that ended.
 *
 * The callback comes from the loop, never from inside a call. All in one thread.
 */
#ifndef MTASTS_TCP_CONNECT_H
#define MTASTS_TCP_CONNECT_H

#include "observation.h"

struct event_base;
struct mtasts_tcp_connect;

/*
 * DONE: the socket does not block, and is the callee's. Else it is -1, and `error` is an errno.
 *   FAILED    refused, reset, or no answer in time
 *   NO_ROUTE  this host has no route to the address, or may not send to it
 *   DEADLINE  this process had no descriptor or memory until the time was over
 */
typedef void mtasts_tcp_connect_fn(void *context, enum mtasts_seen_connect outcome, int socket,
                                   int error);

struct mtasts_tcp_connect_options {
  struct event_base *base;
  struct in6_addr address; /* IPv4 is mapped */
  uint16_t port;
  uint32_t timeout; /* milliseconds */
  mtasts_tcp_connect_fn *done;
  void *context;
};

/* The caller sees to it that the address may be connected to. MTASTS_NO_MEMORY */
enum mtasts_status mtasts_tcp_connect_start(const struct mtasts_tcp_connect_options *options,
                                            struct mtasts_tcp_connect **attempt);

/* Without a callback. NULL is fine; not to be called after the callback. */
void mtasts_tcp_connect_cancel(struct mtasts_tcp_connect *attempt);

#endif
