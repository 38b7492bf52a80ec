/*
 * metrics.h: GET /metrics for Prometheus and GET /healthz, over HTTP/1.1 (RFC 9112).
 *
 * It runs in the thread that waits for signals, on the event base of that. A scrape costs the loops
 * nothing, then: the front loop does not stop for it, nor for whoever connects to this socket
 * without end; and a loop that hangs, say in a commit to a dead disk, can be told of. What is told
 * are counters, three numbers of LMDB's, and the last policy count.
 *
 * Hostile clients: a request is small and whole within five seconds or its connection is closed;
 * there is one answer a connection; where all places are taken, the oldest makes room.
 */
#ifndef MTASTS_METRICS_H
#define MTASTS_METRICS_H

#include "cache_location.h"
#include "listeners.h"
#include "snapshot.h"
#include "stats.h"
#include "usage_filter.h"

struct event_base;
struct mtasts_metrics;

struct mtasts_metrics_options {
  struct event_base *base;
  int fd; /* listening, non-blocking, the metrics' from now on; -1: mtasts_metrics_listen follows */
  struct mtasts_snapshot *snapshot; /* a reference of its own is held */
  struct mtasts_stats *stats;
  struct mtasts_cache *cache;
  const struct mtasts_usage_filter *usage;
  const struct mtasts_listeners *listeners;     /* NULL: none */
  const struct mtasts_cache_location *location; /* NULL: none */
  struct mtasts_queue *inboxes[MTASTS_LOOPS];
};

enum {
  MTASTS_METRICS_CLIENTS_MAX = 16,
  MTASTS_METRICS_CLIENT_MS = 5000, /* for a request, its answer and the end of the connection */
};

/* NULL: no memory, or the loop does not take it; the descriptor is closed all the same. */
struct mtasts_metrics *mtasts_metrics_new(const struct mtasts_metrics_options *options);

/* Serves at that socket, which is the metrics' from now on, in place of what it served at before.
 */
void mtasts_metrics_listen(struct mtasts_metrics *metrics, int fd);

/* The configuration that is in force from now on. */
void mtasts_metrics_configure(struct mtasts_metrics *metrics, struct mtasts_snapshot *snapshot);

/* Closes everything; NULL is fine. */
void mtasts_metrics_free(struct mtasts_metrics *metrics);

#endif
