/*
 * salvage.h: copies what can be read of a damaged data.mdb into a new cache.
 *
 * The file is read page by page, whatever its trees say. Each value is checked by itself, since it
 * has a checksum. Pages that the file lists as free are left out, because they hold old data. If a
 * domain is still found twice, the entry that was looked up last counts.
 */
#ifndef MTASTS_CACHE_SALVAGE_H
#define MTASTS_CACHE_SALVAGE_H

#include "damaged.h"
#include "store.h"

struct mtasts_salvaged {
  uint64_t domains;          /* put into the cache */
  uint64_t damaged;          /* values, or pages of values, that cannot be read */
  enum mtasts_status status; /* of reading and storing */
  unsigned format; /* unknown (format.h): the file is not damaged, and was not read; else 0 */
};

enum {
  MTASTS_SALVAGED_WORDS = 700, /* bytes, with the NUL */
};

/* Writes a sentence on the result of recovering a directory's data.mdb. Returns `words`. */
const char *mtasts_salvaged_words(const struct mtasts_salvaged *salvaged, const char *directory,
                                  char words[MTASTS_SALVAGED_WORDS]);

/* Puts the file's domains into the store and commits them. */
struct mtasts_salvaged mtasts_salvage(int fd, struct mtasts_store *store, int64_t now);

/* The same in steps; the store may be used between them. The caller keeps fd open until
 * mtasts_salvage_end, and closes it. NULL: no memory, or the file cannot be read. */
struct mtasts_salvage *mtasts_salvage_begin(int fd, struct mtasts_store *store, int64_t now);
/* Reads up to `pages` more pages. Returns false when all are read, or if the store could not be
 * written. */
bool mtasts_salvage_step(struct mtasts_salvage *salvage, unsigned pages);
/* Could the store not be written? Then nothing is given up: the next step goes on with that page.
 */
bool mtasts_salvage_failed(struct mtasts_salvage *salvage);
struct mtasts_salvaged mtasts_salvage_end(struct mtasts_salvage *salvage);

/* The file to salvage, open to read; the caller closes it. -1 and errno: there is none. */
int mtasts_salvage_open(const char *directory);

/* The mark in a cache's directory that a salvage is running. Without it, a start after a crash
 * would find a sound cache and not salvage the missing domains. False: it could not be set or
 * removed. */
bool mtasts_salvage_mark(const char *directory, bool on);
bool mtasts_salvage_marked(const char *directory);

/*
 * Renames a damaged data.mdb (damaged.h), opens an empty store in its place, and salvages. A file
 * of an unknown format is renamed and not read. If it returns MTASTS_OK the cache is usable,
 * whatever the result of salvaging. Else as mtasts_cache_move_damaged and mtasts_store_open.
 */
enum mtasts_status mtasts_cache_recover(const char *directory,
                                        const struct mtasts_store_options *options, int64_t now,
                                        struct mtasts_store **store,
                                        struct mtasts_salvaged *salvaged);

/* Completes an earlier recovery, if its process died or could not read or write everything. Returns
 * false if there was none. */
bool mtasts_cache_recover_rest(const char *directory, struct mtasts_store *store, int64_t now,
                               struct mtasts_salvaged *salvaged);

#endif
