/*
 * order.h: the order of keys: LMDB's own, by their bytes, and of two that begin alike the shorter
 * one first. LMDB is told it anew for the sake of large caches, in which a look-up is nothing but
 * waiting for memory:
 *
 * - A search within a page begins with its middle node. That comparison asks the memory for the
 *   keys that the next ones may need, all at once, as they would ask for them one after the other:
 *   in a leaf, which has few, all of them; in a branch those of the next steps.
 * - Each further one in a leaf asks for the value behind the key as well, which is read next if it
 *   is the one.
 *
 * By that a decision costs hardly more than the bare look-up at a million domains. It is done for
 * readers only: their pages are the file's, and begin where a page of memory does; a writer's pages
 * may lie anywhere. What is seen in a page is a hint, and believed for nothing else.
 */
#ifndef MTASTS_CACHE_ORDER_H
#define MTASTS_CACHE_ORDER_H

#include <lmdb.h>

/* For mdb_set_compare, and for nobody else: a node's key lies in a page. */
int mtasts_key_order(const MDB_val *key, const MDB_val *node);

/* The same of keys that need not lie in a page. */
int mtasts_keys_compare(const MDB_val *a, const MDB_val *b);

/* From now on this thread reads in a read-only transaction, in a file with pages of so many bytes;
 * up to mtasts_order_end. */
void mtasts_order_begin(size_t page_size);
void mtasts_order_end(void);

#endif
