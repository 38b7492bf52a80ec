/*
 * refresh_sweep.h: walks the cache in the order of its keys, once in an interval. So the work is
 * spread evenly, without a burst at the start and without state to load. There are three passes:
 * one over the policies, one over the other domains, and a third that walks the policies twice per
 * interval, for policies whose half-life is shorter than the interval. The positions are kept in
 * the cache and outlive the process.
 *
 * It decides and does not act: for each domain it visits, it calls back with the action that is
 * due.
 */
#ifndef MTASTS_REFRESH_SWEEP_H
#define MTASTS_REFRESH_SWEEP_H

#include "discover.h"
#include "store.h"
#include "usage_filter.h"

enum mtasts_sweep_action {
  MTASTS_SWEEP_ACTION_NONE,    /* visited, and nothing is due; for the due queue and alerts */
  MTASTS_SWEEP_ACTION_REFRESH, /* a policy in use that is due: look it up */
  MTASTS_SWEEP_ACTION_REMOVE,  /* obsolete */
};

/* Returns false if there is no room for the action now: the sweep then stays at this domain. */
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

/* Begins at the saved positions, or at the first key. NULL: no memory. */
struct mtasts_refresh_sweep *
mtasts_refresh_sweep_new(const struct mtasts_refresh_sweep_options *options);
/* Loads the saved positions for a sweep that was made while the cache could not be read. */
void mtasts_refresh_sweep_recall(struct mtasts_refresh_sweep *sweep);
void mtasts_refresh_sweep_free(struct mtasts_refresh_sweep *sweep);

/*
 * Moves each pass on by the part of its walk that corresponds to `elapsed` milliseconds, and by at
 * most a bounded number of domains; the rest follows in the next call. settings: those of
 * discovery, which say what is due.
 */
enum mtasts_status mtasts_refresh_sweep_move(struct mtasts_refresh_sweep *sweep,
                                             const struct mtasts_discover_settings *settings,
                                             uint64_t elapsed, int64_t now);

#endif
