#include "key_table.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "ascii.h"

/* An odd number whose bits look random: 2^64 divided by the golden ratio. */
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

bool mtasts_key_table_init(struct mtasts_key_table *table, size_t slots) {
  struct mtasts_keyed **made = calloc(slots, sizeof(struct mtasts_keyed *));
  if (!made)
    return false;
  *table = (struct mtasts_key_table){.slots = made, .slot_count = slots};
  if (getrandom(&table->secret, sizeof table->secret, GRND_NONBLOCK) < 0)
    table->secret = (uint64_t)time(NULL) * MULTIPLIER;
  return true;
}

void mtasts_key_table_destroy(struct mtasts_key_table *table) {
  free(table->slots);
  *table = (struct mtasts_key_table){0};
}

static uint64_t mix(uint64_t value, uint64_t word) {
  value = (value ^ word) * MULTIPLIER;
  return value ^ value >> 29;
}

uint64_t mtasts_key_hash(const struct mtasts_key_table *table, struct mtasts_span key) {
  uint64_t value = mix(table->secret, key.len);
  uint64_t word = 0;
  size_t i = 0;
  for (; i + sizeof word <= key.len; i += sizeof word) {
    memcpy(&word, key.data + i, sizeof word);
    value = mix(value, word ^ table->secret);
  }
  word = 0;
  if (i < key.len)
    memcpy(&word, key.data + i, key.len - i);
  return mix(value, word);
}

static struct mtasts_keyed **slot_of(const struct mtasts_key_table *table, uint64_t hash) {
  return &table->slots[(hash ^ hash >> 32) & (table->slot_count - 1)];
}

struct mtasts_keyed *mtasts_key_table_find(const struct mtasts_key_table *table, uint64_t hash,
                                           struct mtasts_span key) {
  struct mtasts_keyed *item = *slot_of(table, hash);
  while (item && (item->hash != hash || !mtasts_span_equal(item->key, key)))
    item = item->next;
  return item;
}

void mtasts_key_table_add(struct mtasts_key_table *table, struct mtasts_keyed *item) {
  struct mtasts_keyed **slot = slot_of(table, item->hash);
  item->next = *slot;
  *slot = item;
}
