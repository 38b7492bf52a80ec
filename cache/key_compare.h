/*
 * key_compare.h: the order of keys. It is the same as LMDB's own: by bytes, and a prefix before the
 * longer key. LMDB gets this function because a look-up in a large cache mostly waits for memory.
 * While it compares, it also prefetches what the search will probably read next:
 *
 * - A search within a page begins with its middle node. That first comparison prefetches the keys
 *   of the following ones all at once: in a leaf, which has few, all keys; in a branch, those of
 *   the next steps.
 * - Each further comparison in a leaf also prefetches the value after the key, which is read next
 *   if the key matches.
 *
 * What it saves (the bench `decision`): with it, a cached decision among a million domains costs as
 * much as LMDB's bare look-up (1.16 to 1.20 us). Without it, 160 to 180 ns more, and the limit is
 * 150 ns. Comparing eight bytes at a time saves 13 of 235 ns among a thousand domains.
 *
 * Only readers prefetch. Their pages are those of the file, aligned to pages of memory; a writer's
 * pages may be anywhere. The contents of a page are used only as a hint.
 */
#ifndef MTASTS_CACHE_KEY_COMPARE_H
#define MTASTS_CACHE_KEY_COMPARE_H

#include <lmdb.h>

/* Only for mdb_set_compare: `node` is the key of a node, in a page. */
int mtasts_key_compare_prefetch(const MDB_val *key, const MDB_val *node);

/* The same order, for keys that need not be in a page. */
int mtasts_key_compare(const MDB_val *a, const MDB_val *b);

/* From here to mtasts_key_prefetch_end this thread reads in a read-only transaction, in a file with
 * pages of page_size bytes. */
void mtasts_key_prefetch_begin(size_t page_size);
void mtasts_key_prefetch_end(void);

#endif
