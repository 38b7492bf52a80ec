/*
 * usage_filter.h: which domains are in use, remembered in Bloom filters of which two take turns.
 *
 * Asked for at all within a month: a policy in use is refreshed ahead; one that nobody has asked
 * for is left to expire. A false positive costs one fetch a day.
 *
 * Asked for again within a day: what the cache knew already, and not from the mail that is being
 * delivered. Where room has to be made, the others go first (store.h). Junk that is asked for once
 * does not look like that.
 *
 * Both loops use it: bits are set and read by relaxed atomics, and only the net loop rotates.
 * Filters cost memory only where they are marked: 4 MB at most.
 */
#ifndef MTASTS_USAGE_FILTER_H
#define MTASTS_USAGE_FILTER_H

#include "mtasts.h"

struct mtasts_usage_filter;

/* Seconds between rotations: a use is remembered once to twice that. */
enum {
  MTASTS_USAGE_FILTER_PERIOD = 30 * 86400,
  MTASTS_USAGE_FILTER_AGAIN_PERIOD = 86400,
};

/* From `now` on, and until the first rotation, all domains count as asked for: what was before is
 * not known. None counts as asked for again. NULL: no memory. */
struct mtasts_usage_filter *mtasts_usage_filter_new(int64_t now);
void mtasts_usage_filter_free(struct mtasts_usage_filter *usage);

/*
 * Across an orderly end and the next start, in a file of the cache's directory; what is lost by a
 * crash counts as asked for. Both are for whoever holds the cache's lock.
 *
 * Recalls what was kept, and removes it: it is true for one start alone. False: there is nothing,
 * or nothing of this form and of less than a period ago.
 */
bool mtasts_usage_filter_load(struct mtasts_usage_filter *usage, const char *directory,
                              int64_t now);

/* Keeps it. False: it could not be written, and is not there; errno says why. */
bool mtasts_usage_filter_save(const struct mtasts_usage_filter *usage, const char *directory,
                              int64_t now);

/* The domain's place in the filters, which is asked for ahead: memory that is far comes while the
 * domain is looked up. */
struct mtasts_usage_filter_slot {
  uint64_t hash;
};
struct mtasts_usage_filter_slot mtasts_usage_filter_locate(const struct mtasts_usage_filter *usage,
                                                           const struct mtasts_domain *domain);

/* The domain was asked for. */
void mtasts_usage_filter_mark(struct mtasts_usage_filter *usage,
                              struct mtasts_usage_filter_slot slot);
/* It was asked for, and not for the first time. */
void mtasts_usage_filter_mark_again(struct mtasts_usage_filter *usage,
                                    struct mtasts_usage_filter_slot slot);

bool mtasts_usage_filter_in_use(const struct mtasts_usage_filter *usage,
                                const struct mtasts_domain *domain);
bool mtasts_usage_filter_asked_again(const struct mtasts_usage_filter *usage,
                                     const struct mtasts_domain *domain);

/* Forgets the older halves once a period each; to be called now and then. */
void mtasts_usage_filter_rotate(struct mtasts_usage_filter *usage, int64_t now);

/* The clock has jumped by so many seconds, in which nothing was asked for. */
void mtasts_usage_filter_shift(struct mtasts_usage_filter *usage, int64_t jump);

#endif
