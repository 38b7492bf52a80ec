/*
 * usage_filter.h: remembers which domains are in use, in pairs of Bloom filters that rotate.
 *
 * One pair holds the domains asked for within a month. A policy in use is refreshed before it is
 * due; any other is left to expire. A false positive costs one fetch a day.
 *
 * The other pair holds the domains asked for again within a day: the cache knew them already, and
 * not from the mail that is being delivered. If entries must be evicted, the other domains go first
 * (store.h). A junk domain that is asked for once is not in this pair.
 *
 * Both loops use it: bits are set and read by relaxed atomics, and only the net loop rotates.
 * Filters cost memory only where they are marked: 4 MB at most.
 */
#ifndef MTASTS_USAGE_FILTER_H
#define MTASTS_USAGE_FILTER_H

#include "mtasts.h"

struct mtasts_usage_filter;

/* Seconds between rotations: a use is remembered for one to two periods. */
enum {
  MTASTS_USAGE_FILTER_PERIOD = 30 * 86400,
  MTASTS_USAGE_FILTER_AGAIN_PERIOD = 86400,
};

/* Until the first rotation all domains count as asked for, since earlier use is not known. None
 * counts as asked for again. NULL: no memory. */
struct mtasts_usage_filter *mtasts_usage_filter_new(int64_t now);
void mtasts_usage_filter_free(struct mtasts_usage_filter *usage);

/*
 * The filters are kept in a file of the cache's directory between an orderly end and the next
 * start. After a crash all domains count as asked for. The caller of both functions must hold the
 * cache's lock.
 *
 * Loads the file and removes it, since it is true for one start only. False: there is no file, or
 * it has another format or is older than a period.
 */
bool mtasts_usage_filter_load(struct mtasts_usage_filter *usage, const char *directory,
                              int64_t now);

/* Saves the filters. False: the file could not be written and does not exist; errno says why. */
bool mtasts_usage_filter_save(const struct mtasts_usage_filter *usage, const char *directory,
                              int64_t now);

/* The domain's position in the filters. It is computed early and prefetched, so that its memory
 * arrives while the domain is looked up. */
struct mtasts_usage_filter_slot {
  uint64_t hash;
};
struct mtasts_usage_filter_slot mtasts_usage_filter_locate(const struct mtasts_usage_filter *usage,
                                                           const struct mtasts_domain *domain);

/* Marks the domain as asked for. */
void mtasts_usage_filter_mark(struct mtasts_usage_filter *usage,
                              struct mtasts_usage_filter_slot slot);
/* Marks the domain as asked for again. */
void mtasts_usage_filter_mark_again(struct mtasts_usage_filter *usage,
                                    struct mtasts_usage_filter_slot slot);

bool mtasts_usage_filter_in_use(const struct mtasts_usage_filter *usage,
                                const struct mtasts_domain *domain);
bool mtasts_usage_filter_asked_again(const struct mtasts_usage_filter *usage,
                                     const struct mtasts_domain *domain);

/* Clears the older filter of each pair once a period. To be called often. */
void mtasts_usage_filter_rotate(struct mtasts_usage_filter *usage, int64_t now);

/* The clock has jumped by so many seconds, in which nothing was asked for. */
void mtasts_usage_filter_shift(struct mtasts_usage_filter *usage, int64_t jump);

#endif
