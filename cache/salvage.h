/*
 * salvage.h: what can be read of a damaged data.mdb goes into a new cache.
 *
 * The file is read page by page, whatever its trees say, and each value by itself: it has a
 * checksum. Pages that the file says are free are left out, as they hold what was there before. If
 * a domain is met twice all the same, the one that was looked up last counts.
 */
#ifndef MTASTS_CACHE_SALVAGE_H
#define MTASTS_CACHE_SALVAGE_H

#include "damaged.h"
#include "store.h"

struct mtasts_salvaged {
  uint64_t domains;          /* put into the cache */
  uint64_t damaged;          /* values, or pages of them, that were there and cannot be read */
  enum mtasts_status status; /* of reading and storing */
  unsigned
      format; /* not known (format.h): the file is not damaged, and nothing of it was read; 0 */
};

enum {
  MTASTS_SALVAGED_WORDS = 700, /* bytes, with the NUL */
};

/* Says what became of the data.mdb of a directory that was recovered. Returns words. */
const char *mtasts_salvaged_words(const struct mtasts_salvaged *salvaged, const char *directory,
                                  char words[MTASTS_SALVAGED_WORDS]);

/* Puts what the file holds into the store, and commits it. */
struct mtasts_salvaged mtasts_salvage(int fd, struct mtasts_store *store, int64_t now);

/* The same in steps, between which others may use the store. fd is the caller's until the end.
 * NULL: no memory, or the file cannot be read. */
struct mtasts_salvage *mtasts_salvage_begin(int fd, struct mtasts_store *store, int64_t now);
/* So many pages more. Returns false when all is done, or when the store could not be written. */
bool mtasts_salvage_step(struct mtasts_salvage *salvage, unsigned pages);
/* Could the store not be written? Then nothing is given up: the next step goes on with that page.
 */
bool mtasts_salvage_failed(struct mtasts_salvage *salvage);
struct mtasts_salvaged mtasts_salvage_end(struct mtasts_salvage *salvage);

/* The file to salvage, open to read; the caller closes it. -1 and errno: there is none. */
int mtasts_salvage_open(const char *directory);

/* The mark in a cache's directory that a salvage is under way: without it a start after a crash
 * would find a sound cache with a part of the domains, and look no further. False: it could not be
 * set or removed. */
bool mtasts_salvage_mark(const char *directory, bool on);
bool mtasts_salvage_marked(const char *directory);

/*
 * Moves a damaged data.mdb aside (damaged.h), opens an empty store in its place, and salvages. One
 * of a format that is not known is moved aside and not read. The cache is of use if MTASTS_OK is
 * returned, whatever came of salvaging. Else as mtasts_cache_move_damaged and mtasts_store_open.
 */
enum mtasts_status mtasts_cache_recover(const char *directory,
                                        const struct mtasts_store_options *options, int64_t now,
                                        struct mtasts_store **store,
                                        struct mtasts_salvaged *salvaged);

/* Does what such a recovery left undone, because its process died, or could not read or write all
 * of it. Returns false if there was none. */
bool mtasts_cache_recover_rest(const char *directory, struct mtasts_store *store, int64_t now,
                               struct mtasts_salvaged *salvaged);

#endif
