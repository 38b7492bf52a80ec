/*
 * key_table.h: a hash table of byte strings. The hash begins at a secret, so that nobody who
 * chooses the strings can make them collide. The table frees nothing: its user owns the items.
 */
#ifndef MTASTS_REPORT_KEY_TABLE_H
#define MTASTS_REPORT_KEY_TABLE_H

#include "mtasts.h"

/* The first member of an item. */
struct mtasts_keyed {
  struct mtasts_keyed *next; /* in the same slot */
  uint64_t hash;
  struct mtasts_span key;
};

struct mtasts_key_table {
  struct mtasts_keyed **slots;
  size_t slot_count; /* a power of two */
  uint64_t secret;
};

/* False: no memory. slots: a power of two, about as many as there will be items. */
bool mtasts_key_table_init(struct mtasts_key_table *table, size_t slots);
void mtasts_key_table_destroy(struct mtasts_key_table *table);

uint64_t mtasts_key_hash(const struct mtasts_key_table *table, struct mtasts_span key);

/* The item of that key; NULL: there is none. hash: of mtasts_key_hash. */
struct mtasts_keyed *mtasts_key_table_find(const struct mtasts_key_table *table, uint64_t hash,
                                           struct mtasts_span key);

/* item: its hash and key are set, and the table has no other of that key. */
void mtasts_key_table_add(struct mtasts_key_table *table, struct mtasts_keyed *item);

#endif
