/*
 * netloop.h: the net loop. It alone asks the Internet and writes the cache.
 *
 * Each domain has at most one running look-up, and refresh.in_flight run in all. Look-ups that a
 * request waits for go first. Results are committed in groups (64, or after 20 ms; a new id or mode
 * at once). A job is answered after the commit, so that the next reader of the cache sees the same
 * result. If the store fails, that is logged and the job is answered all the same. The loop keeps
 * the last unstored results in memory, so that their domains are not looked up again before they
 * are due.
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
  int64_t written; /* when the cache was last written before its opening; 0: not known */
  struct mtasts_queue *inbox;
  struct mtasts_queue *to_front;
  struct mtasts_usage_filter *usage;
  struct mtasts_stats *stats;
};

/* How many look-ups may run at a time: refresh.in_flight, or fewer if descriptors are few. */
uint32_t mtasts_netloop_lookups(const struct mtasts_config *config);

/* Opens resolver and fetcher. If no DNS server can be asked, that is logged and is no failure.
 * error: see error_text.h. */
enum mtasts_status mtasts_netloop_new(const struct mtasts_netloop_options *options,
                                      char error[MTASTS_ERROR_TEXT],
                                      struct mtasts_netloop **netloop);

/*
 * Runs, at a lower priority of its thread, until a STOP in the inbox; then commits the results,
 * drops running look-ups (each of their jobs is answered with MTASTS_TIMEOUT), and returns. A
 * CONFIGURE changes the settings of section refresh. If section dns differs, a new resolver and
 * validator are made; the fetcher stays as it was opened. They are also made if resolv.conf names
 * other servers: running look-ups then begin again with the new ones.
 */
void mtasts_netloop_run(struct mtasts_netloop *netloop);
void mtasts_netloop_free(struct mtasts_netloop *netloop);

#endif
