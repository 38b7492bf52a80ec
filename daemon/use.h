/*
 * use.h: which domains were asked for of late, remembered in two Bloom filters that take turns.
 *
 * A policy in use is refreshed ahead; one that nobody has asked for in a month is left to
 * expire. A false positive costs one fetch a day. Both loops use it: bits are set and read by
 * relaxed atomics, and only the net loop rotates.
 */
#ifndef MTASTS_USE_H
#define MTASTS_USE_H

#include "mtasts.h"

struct mtasts_use;

enum {
  MTASTS_USE_PERIOD =
      30 * 86400, /* seconds between rotations: use is remembered once to twice that */
};

/* From `now` on, and until the first rotation, all domains count as used: what was before is
 * not known. NULL: no memory. */
struct mtasts_use *mtasts_use_new(int64_t now);
void mtasts_use_free(struct mtasts_use *use);

void mtasts_use_mark(struct mtasts_use *use, const struct mtasts_domain *domain);
bool mtasts_use_known(const struct mtasts_use *use, const struct mtasts_domain *domain);

/* Forgets the older half once a period; to be called now and then. */
void mtasts_use_rotate(struct mtasts_use *use, int64_t now);

#endif
