/*
 * metrics.h: GET /metrics for Prometheus and GET /healthz, over HTTP/1.1 (RFC 9112).
 *
 * It runs on the event base of the thread that waits for signals. So neither a scrape nor a flood
 * of connections to this socket delays a loop, and a loop that hangs, for instance in a commit to a
 * dead disk, can still be reported. The data are counters, three numbers from LMDB, and the last
 * policy count.
 *
 * Hostile clients: a connection is closed unless a small request is complete within five seconds.
 * Each connection gets one answer. If MTASTS_METRICS_CLIENTS_MAX are open, the oldest is closed.
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
  int fd; /* listening, non-blocking, taken over; -1: mtasts_metrics_listen follows */
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

/* NULL: no memory, or the event base refuses it; the descriptor is closed even then. */
struct mtasts_metrics *mtasts_metrics_new(const struct mtasts_metrics_options *options);

/* Takes that socket over and serves it in place of the one before. */
void mtasts_metrics_listen(struct mtasts_metrics *metrics, int fd);

/* Sets the configuration that is in force from now on. */
void mtasts_metrics_configure(struct mtasts_metrics *metrics, struct mtasts_snapshot *snapshot);

/* Closes everything; NULL is fine. */
void mtasts_metrics_free(struct mtasts_metrics *metrics);

#endif
