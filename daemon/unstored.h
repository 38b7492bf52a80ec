/*
 * unstored.h: what was learnt and could not be written to the cache, for the front loop to answer
 * first: while the disk is full or broken, the cache holds what was true before.
 *
 * The net loop tells of each such entry, and when it is written or forgotten (job.h). Bounded; past
 * the bound the one told first goes, and what the cache holds is answered. For one thread.
 */
#ifndef MTASTS_UNSTORED_H
#define MTASTS_UNSTORED_H

#include <sys/queue.h>

#include "mtasts.h"

enum {
  MTASTS_UNSTORED_MAX = 512, /* domains */
};

struct mtasts_unstored_item;

struct mtasts_unstored {
  void *by_domain;                                               /* tsearch(3) */
  TAILQ_HEAD(mtasts_unstored_items, mtasts_unstored_item) items; /* the one told first, first */
  size_t count;
};

void mtasts_unstored_init(struct mtasts_unstored *unstored);
void mtasts_unstored_free(struct mtasts_unstored *unstored);

/* Keeps an entry, as mtasts_entry_encode writes it; the value is taken over. Without memory the
 * domain is forgotten. value NULL: forgets it. */
void mtasts_unstored_set(struct mtasts_unstored *unstored, const struct mtasts_domain *domain,
                         unsigned char *value, size_t size);

/* Is there one? The entry then points into it, and is good until the next mtasts_unstored_set. */
bool mtasts_unstored_get(const struct mtasts_unstored *unstored, const struct mtasts_domain *domain,
                         struct mtasts_entry *entry);

#endif
