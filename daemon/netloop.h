/*
 * netloop.h: the net loop. It alone asks the Internet and writes the cache.
 *
 * One look-up in flight a domain however many ask; refresh.in_flight in all; what somebody waits
 * for goes first. What is learnt is committed in groups (64, or after 20 ms; a new id or mode at
 * once), and an answer is given after its commit, so that whoever reads the cache next knows no
 * less. A store that fails costs a log line, not the answer; the last results that it
 * did not take are known to the loop, and nobody is asked for them again before they are due.
 *
 * The refresh sweep (refresh_sweep.h) walks the cache once in refresh.interval; the due queue
 * (due_queue.h) holds the few domains that must be seen sooner.
 */
#ifndef MTASTS_NETLOOP_H
#define MTASTS_NETLOOP_H

#include "error_text.h"
#include "job.h"
#include "snapshot.h"
#include "stats.h"
#include "usage_filter.h"

struct mtasts_netloop;
struct mtasts_store;

struct mtasts_netloop_options {
  struct mtasts_snapshot *snapshot; /* the loop holds a reference of its own */
  struct mtasts_store *store;       /* used by this loop alone */
  struct mtasts_queue *inbox;
  struct mtasts_queue *to_front;
  struct mtasts_usage_filter *usage;
  struct mtasts_stats *stats;
};

/* How many look-ups may be under way: refresh.in_flight, or fewer if descriptors are few. */
uint32_t mtasts_netloop_lookups(const struct mtasts_config *config);

/* Opens resolver and fetcher; that there is no DNS server to be asked is logged, and no failure.
 * error: see error_text.h. */
enum mtasts_status mtasts_netloop_new(const struct mtasts_netloop_options *options,
                                      char error[MTASTS_ERROR_TEXT],
                                      struct mtasts_netloop **netloop);

/*
 * Runs, at a lower priority of its thread, until a STOP in the inbox; then commits what is learnt,
 * drops what is in flight (each of its jobs is answered with MTASTS_TIMEOUT), and returns. A
 * CONFIGURE changes what `refresh` says, and with another section dns, resolver and validator; the
 * fetcher stays as it was opened. Others are made, too, if resolv.conf names other servers: what
 * is running then begins again, with those.
 */
void mtasts_netloop_run(struct mtasts_netloop *netloop);
void mtasts_netloop_free(struct mtasts_netloop *netloop);

#endif
