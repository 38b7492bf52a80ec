/*
 * refresh_sweep.h: the clock sweep: it walks the cache in the order of its keys, once in an
 * interval, so that the work is spread evenly, there is no burst at start and nothing to load. It
 * has a pass in each part of the cache, the policies and the other domains, and a third that walks
 * the policies twice in the same time, for those that live too short for once: as many as there
 * are, they need no other bookkeeping. The positions are kept in the cache and outlive the process.
 *
 * It decides and does not act: for each domain it meets it calls back with what is to be done.
 */
#ifndef MTASTS_REFRESH_SWEEP_H
#define MTASTS_REFRESH_SWEEP_H

#include "discover.h"
#include "store.h"
#include "usage_filter.h"

enum mtasts_sweep_action {
  MTASTS_SWEEP_ACTION_NONE,    /* met, and there is nothing to do; due queue and alerts may care */
  MTASTS_SWEEP_ACTION_REFRESH, /* a policy in use that is due: look it up */
  MTASTS_SWEEP_ACTION_REMOVE,  /* useless by now */
};

/* Returns false where there is no room for the action now: the sweep stays where it is. */
typedef bool mtasts_sweep_action_fn(void *context, const struct mtasts_domain *domain,
                                    const struct mtasts_entry *entry,
                                    enum mtasts_sweep_action action);

struct mtasts_refresh_sweep;

struct mtasts_refresh_sweep_options {
  struct mtasts_store *store;
  const struct mtasts_usage_filter *usage;
  mtasts_sweep_action_fn *action;
  void *context;
};

/* Begins where the last sweep was, or at the first key. NULL: no memory. */
struct mtasts_refresh_sweep *
mtasts_refresh_sweep_new(const struct mtasts_refresh_sweep_options *options);
/* The same for a hand that was made while the cache could not be read. */
void mtasts_refresh_sweep_recall(struct mtasts_refresh_sweep *sweep);
void mtasts_refresh_sweep_free(struct mtasts_refresh_sweep *sweep);

/*
 * Moves on by so much of each pass as `elapsed` milliseconds are of its round, and by
 * at most a bounded number of domains; what it could not do it does next time. settings: those of
 * discovery, to tell what is due.
 */
enum mtasts_status mtasts_refresh_sweep_move(struct mtasts_refresh_sweep *sweep,
                                             const struct mtasts_discover_settings *settings,
                                             uint64_t elapsed, int64_t now);

#endif
