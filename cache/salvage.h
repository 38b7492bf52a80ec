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

/* As mtasts_salvage_mark_find and mtasts_salvage_mark_clear (salvage_mark.h), of a directory. */
bool mtasts_salvage_marked(const char *directory);
int mtasts_salvage_unmark(const char *directory);

/*
 * Renames a damaged data.mdb (damaged.h), and opens an empty store in its place. That store is
 * salvaging (store.h); but a file of an unknown format is renamed and not read. *format: that
 * format, or 0. Returns as mtasts_cache_move_damaged and mtasts_store_open.
 */
enum mtasts_status mtasts_cache_replace(const char *directory,
                                        const struct mtasts_store_options *options,
                                        struct mtasts_store **store, unsigned *format);

/* Salvages all that a store which is salvaging still lacks. After a failure the store goes on
 * salvaging. Returns false if there was nothing to salvage. */
bool mtasts_cache_recover_rest(const char *directory, struct mtasts_store *store, int64_t now,
                               struct mtasts_salvaged *salvaged);

/* Both. If it returns MTASTS_OK the cache is usable, whatever the result of salvaging. */
enum mtasts_status mtasts_cache_recover(const char *directory,
                                        const struct mtasts_store_options *options, int64_t now,
                                        struct mtasts_store **store,
                                        struct mtasts_salvaged *salvaged);

#endif
