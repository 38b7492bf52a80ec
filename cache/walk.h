/*
 * walk.h: visits every entry of a cache, to list, count or verify.
 */
#ifndef MTASTS_WALK_H
#define MTASTS_WALK_H

#include "mtasts.h"

/*
 * One domain in a walk. status is MTASTS_OK, or MTASTS_CORRUPT with entry NULL. The visitor returns
 * false to end the walk. The entry is a copy, valid during the call.
 */
typedef bool mtasts_walk_fn(void *context, const struct mtasts_domain *domain,
                            enum mtasts_status status, const struct mtasts_entry *entry);

/*
 * Visits every domain, policies first, then the others, each in the order of its names. Reads in
 * bounded batches, so that no read transaction outlives one: a domain changed meanwhile is seen
 * before or after the change. One that gains or loses its policy meanwhile may be seen twice or not
 * at all. MTASTS_CORRUPT means a value that does not decode or does not pass mtasts_entry_check, or
 * a key that is not a domain.
 */
enum mtasts_status mtasts_cache_walk(struct mtasts_cache *cache, mtasts_walk_fn *visit,
                                     void *context);

enum mtasts_walk_part {
  MTASTS_WALK_POLICIES,
  MTASTS_WALK_ABSENT, /* the domains without a policy */
  MTASTS_WALK_PARTS,
};

/* The position of a walk through one part: the first key that is not less than this one. Plain
 * bytes that can be stored. All zero is the beginning; any other bytes are a valid position. */
struct mtasts_walk_position {
  uint16_t size; /* bytes of the key; a size above 512 counts as 0 */
  unsigned char key[512];
};

struct mtasts_walk_step {
  enum mtasts_walk_part part;
  uint64_t max; /* domains to visit */
  mtasts_walk_fn *visit;
  void *context;
};

/*
 * Goes on from a position, in the same way, and moves the position past the visited domains. If
 * `visit` returned false, the position stays before that domain. *end: the part has been visited to
 * its end, and the position is at its beginning again.
 */
enum mtasts_status mtasts_cache_walk_from(struct mtasts_cache *cache,
                                          const struct mtasts_walk_step *step,
                                          struct mtasts_walk_position *position, bool *end);

/* Figures that need no walk. */
struct mtasts_cache_space {
  uint64_t domains[MTASTS_WALK_PARTS];
  uint64_t bytes_used; /* of the map, used by the cache's contents */
  uint64_t bytes_free; /* of the file, in free pages */
  uint64_t map_size;   /* bytes */
};

enum mtasts_status mtasts_cache_space(struct mtasts_cache *cache, struct mtasts_cache_space *space);

struct mtasts_cache_stats {
  uint64_t entries; /* policies + absent */
  uint64_t policies, enforce, testing, none;
  uint64_t absent;          /* without a policy, for any reason */
  uint64_t expired;         /* policies that no longer govern */
  uint64_t failing;         /* domains of either kind, see mtasts_discover_failing */
  uint64_t failing_enforce; /* of those: live enforce policies */
  uint64_t expiring;        /* live enforce policies near their end */
  int64_t oldest_fetched;   /* of the live policies except mode none; 0: there are none */
  uint64_t corrupt;         /* values that do not decode, of either kind */
  uint64_t bytes_data;      /* of names and values */
  uint64_t readers;         /* reader slots in use, without this call's own */
  struct mtasts_cache_space space;
};

/* Counts one more entry, in all fields before `corrupt`. */
void mtasts_cache_stats_add(struct mtasts_cache_stats *stats, const struct mtasts_entry *entry,
                            int64_t now);

enum mtasts_status mtasts_cache_count(struct mtasts_cache *cache, int64_t now,
                                      struct mtasts_cache_stats *stats);

#endif
