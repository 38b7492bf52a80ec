/*
 * connect.h: connecting to one of several addresses (RFC 8305, Happy Eyeballs) on a
 * libevent loop.
 *
 * Both families take turns. An address is tried 250 ms after the one before it, or at
 * once if that one fails. The first that completes is handed over, and the others
 * are closed; they can be tried again if what was handed over turns out to be useless.
 *
 * Four sockets are open at a time at most: the one that is silent for the longest makes room.
 *
 * Only addresses that may be connected to are ever connected to: globally routable
 * ones, unless all are allowed. At most MTASTS_FETCH_ADDRESSES are taken, of each family
 * half of them.
 *
 * Callbacks come from the loop, never from inside a call, and may free the connector.
 * All in one thread.
 */
#ifndef MTASTS_CONNECT_H
#define MTASTS_CONNECT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MTASTS_FETCH_ADDRESSES 8

struct event_base;
struct mtasts_connector;

/* Connected; nothing more is tried until mtasts_connector_go. The socket does not block, and is
 * the callee's. */
typedef void mtasts_connected_fn(void *context, int socket, const struct in6_addr *address);
/* There is no address that has not failed or been handed over. */
typedef void mtasts_connect_exhausted_fn(void *context);

struct mtasts_connector_options {
  uint16_t port;
  bool allow_private;
  mtasts_connected_fn *connected;
  mtasts_connect_exhausted_fn *exhausted;
  void *context;
};

/* NULL: no memory. */
struct mtasts_connector *mtasts_connector_new(struct event_base *base,
                                              const struct mtasts_connector_options *options);
/* Closes what is not handed over. NULL is fine. */
void mtasts_connector_free(struct mtasts_connector *connector);

/* Adds an address; IPv4 is mapped (::ffff:a.b.c.d). Returns false if it may not be connected to,
 * or there are enough of its family. It is tried from the next mtasts_connector_go on. */
bool mtasts_connector_add(struct mtasts_connector *connector, const struct in6_addr *address);

/* Starts, or goes on behind one that was handed over. Does nothing while it is trying already. */
void mtasts_connector_go(struct mtasts_connector *connector);

/* Ends it: what is pending is closed, and nothing more is tried. */
void mtasts_connector_stop(struct mtasts_connector *connector);

/* Is there an address that has not failed or been handed over? */
bool mtasts_connector_has_more(const struct mtasts_connector *connector);

/* Why the last one that failed did, as errno has it; 0: none did. */
int mtasts_connector_error(const struct mtasts_connector *connector);

/* Was it a fault of this host's that nothing was connected to? It has no descriptor or memory left,
 * or no network on the way to any of the addresses, and none of them has failed or was silent. */
bool mtasts_connector_local(const struct mtasts_connector *connector);

/* Does this error say that the process has no descriptor or no memory left? That is no fault of the
 * address, which is tried again. */
bool mtasts_connector_out_of_resources(int error);

/* An address as text: IPv4 as such. */
void mtasts_address_text(const struct in6_addr *address, char *text, size_t size);

#endif
