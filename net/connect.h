/*
 * connect.h: connecting to one of several addresses (RFC 8305, Happy Eyeballs) on a libevent loop.
 *
 * Both families take turns. An address is tried 250 ms after the one before it, or at once if that
 * one fails. The first connection that completes is handed over, and the others are closed. Their
 * addresses can be tried again if the first connection turns out to be useless.
 *
 * At most four sockets are open at a time. For a fifth, the one that has been silent longest is
 * closed.
 *
 * Only globally routable addresses are connected to, unless all are allowed. At most
 * MTASTS_FETCH_ADDRESSES are accepted, half of them of each family.
 *
 * Callbacks come from the loop, never from inside a call, and may free the connector. All in one
 * thread.
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
/* Every address has failed or been handed over. */
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

/* Starts, or goes on after a connection was handed over. Does nothing if it is already connecting.
 */
void mtasts_connector_go(struct mtasts_connector *connector);

/* Closes pending sockets and tries nothing more. */
void mtasts_connector_stop(struct mtasts_connector *connector);

/* Is an address left that has neither failed nor been handed over? */
bool mtasts_connector_has_more(const struct mtasts_connector *connector);

/* The errno of the last address that failed; 0: none failed. */
int mtasts_connector_error(const struct mtasts_connector *connector);

/* Did all connections fail through a fault of this host? Then it has no descriptor or memory left,
 * or no route to any of the addresses, and no address has failed or been silent. */
bool mtasts_connector_local(const struct mtasts_connector *connector);

/* Does this error mean that the process has no descriptor or no memory left? The address is not at
 * fault and is tried again. */
bool mtasts_connector_out_of_resources(int error);

/* An address as text: IPv4 as such. */
void mtasts_address_text(const struct in6_addr *address, char *text, size_t size);

#endif
