/*
 * front.h: the front loop. It answers from the cache and never waits: neither for the network, nor
 * for the disk's writer, nor for a lock that another loop holds while it works.
 *
 * While the writer replaces the memory map, the file is read without LMDB (reader.c). Only if that
 * read fails does the request wait for the map, for milliseconds.
 *
 * A request whose answer is cached costs one read. Any other request becomes a waiter. All waiters
 * of one domain share one pending job. At the deadline of its map a waiter gets the verdict
 * unknown, and the look-up goes on. Waiters and pending jobs are bounded. If the TTL of the TXT
 * record is over, the request is answered at once from the cache, and a background look-up is
 * started (RFC 8461 section 3.1).
 *
 * Maps: `postfix`, `QUERY`, `postfix-tlsrpt`, `QUERYwithTLSRPT`, any other name (with Postfix's
 * replies) and `sts` on both sockets; `decision`, `entry`, `refresh`, `recheck`, `remove`,
 * `import`, `stats` on the ask socket alone.
 */
#ifndef MTASTS_FRONT_H
#define MTASTS_FRONT_H

#include "error_text.h"
#include "job.h"
#include "snapshot.h"
#include "socketmap.h"
#include "stats.h"
#include "usage_filter.h"

struct mtasts_front;

struct mtasts_listener {
  int fd; /* listening, non-blocking; the front loop's from now on */
  enum mtasts_socket_kind socket_kind;
};

struct mtasts_front_options {
  struct mtasts_snapshot *snapshot; /* the front holds a reference of its own */
  struct mtasts_cache *cache;
  struct mtasts_queue *to_net;
  struct mtasts_queue *to_outcomes; /* the writer of outcomes; NULL: nothing is recorded */
  struct mtasts_queue *inbox;       /* answers of the net loop; CONFIGURE and STOP of main */
  struct mtasts_usage_filter *usage;
  struct mtasts_stats *stats;
  const struct mtasts_listener *listeners;
  size_t listener_count;
  int outcome_fd; /* a bound datagram socket, or -1; likewise the front loop's */
  unsigned peers_max;
};

/* error: see error_text.h. */
enum mtasts_status mtasts_front_new(const struct mtasts_front_options *options,
                                    char error[MTASTS_ERROR_TEXT], struct mtasts_front **front);

/* Runs until a STOP in the inbox: accepts no more connections, gives each waiter its answer or
 * `unknown` within three seconds, and returns. */
void mtasts_front_run(struct mtasts_front *front);
void mtasts_front_free(struct mtasts_front *front);

#endif
