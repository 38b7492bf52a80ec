/*
 * hand.h: the clock hand: it walks the cache in the order of its keys, once in an interval, so
 * that the work is spread evenly, there is no burst at start and nothing to load. It has a pointer
 * in each part of the cache, the policies and the other domains, and a third that walks the
 * policies twice in the same time, for those that live too short for once: as many as
 * there are, they need no other bookkeeping. The places are kept in the cache and outlive the
 * process.
 *
 * It decides and does not act: for each domain it meets it calls back with what is to be done.
 */
#ifndef MTASTS_HAND_H
#define MTASTS_HAND_H

#include "discover.h"
#include "store.h"
#include "use.h"

enum mtasts_chore {
  MTASTS_CHORE_NONE,    /* met, and there is nothing to do; agenda and alerts may care */
  MTASTS_CHORE_REFRESH, /* a policy in use that is due: look it up */
  MTASTS_CHORE_REMOVE,  /* useless by now */
};

/* Returns false where there is no room for the chore now: the hand stays where it is. */
typedef bool mtasts_chore_fn(void *context, const struct mtasts_domain *domain,
                             const struct mtasts_entry *entry, enum mtasts_chore chore);

struct mtasts_hand;

struct mtasts_hand_options {
  struct mtasts_store *store;
  const struct mtasts_use *use;
  mtasts_chore_fn *chore;
  void *context;
};

/* Begins where the last hand was, or at the first key. NULL: no memory. */
struct mtasts_hand *mtasts_hand_new(const struct mtasts_hand_options *options);
/* The same for a hand that was made while the cache could not be read. */
void mtasts_hand_recall(struct mtasts_hand *hand);
void mtasts_hand_free(struct mtasts_hand *hand);

/*
 * Moves on by so much of each circle as `elapsed` milliseconds are of its round, and by
 * at most a bounded number of domains; what it could not do it does next time. settings: those of
 * discovery, to tell what is due.
 */
enum mtasts_status mtasts_hand_move(struct mtasts_hand *hand,
                                    const struct mtasts_discover_settings *settings,
                                    uint64_t elapsed, int64_t now);

#endif
