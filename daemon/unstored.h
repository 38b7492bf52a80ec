/*
 * unstored.h: entries that were learnt and could not be written to the cache. The front loop
 * answers from them first: while the disk is full or broken, the cache is outdated.
 *
 * The net loop sends each such entry, and reports when it is written or dropped (job.h). Bounded:
 * past MTASTS_UNSTORED_MAX the oldest is dropped, and the cache answers for its domain. For one
 * thread.
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
  TAILQ_HEAD(mtasts_unstored_items, mtasts_unstored_item) items; /* oldest first */
  size_t count;
};

void mtasts_unstored_init(struct mtasts_unstored *unstored);
void mtasts_unstored_free(struct mtasts_unstored *unstored);

/* Keeps an entry, as mtasts_entry_encode writes it; the value is taken over. Without memory the
 * domain is dropped. value NULL: drops it. */
void mtasts_unstored_set(struct mtasts_unstored *unstored, const struct mtasts_domain *domain,
                         unsigned char *value, size_t size);

/* Is there one? The entry then points into it, and is good until the next mtasts_unstored_set. */
bool mtasts_unstored_get(const struct mtasts_unstored *unstored, const struct mtasts_domain *domain,
                         struct mtasts_entry *entry);

#endif
