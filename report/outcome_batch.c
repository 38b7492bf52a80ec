#include "outcome_batch.h"

#include <stdlib.h>

#include "organisation.h"
#include "outcome_form.h"

enum {
  SLOTS = 4096,
  ROWS = 4,     /* of counts, by different parts of a hash: the least of four is a share */
  COUNTS = 512, /* of each row */
  SHARES = 8,
  CHARGE_MIN = 1024, /* bytes that an outcome counts as, at least */
};

struct mtasts_outcome_batch {
  uint32_t day;
  struct mtasts_key_table table;
  struct mtasts_batched_outcome *first;
  struct mtasts_batched_outcome **last; /* where the next one is linked */
  size_t bytes;                         /* in use, */
  size_t bytes_max;                     /* of so many */
  size_t shares[ROWS][COUNTS];          /* bytes; organisations of one part add up there */
};

struct mtasts_outcome_batch *mtasts_outcome_batch_new(uint32_t day, size_t bytes) {
  struct mtasts_outcome_batch *made = calloc(1, sizeof *made);
  if (!made || !mtasts_key_table_init(&made->table, SLOTS)) {
    free(made);
    return NULL;
  }
  made->day = day;
  made->bytes_max = bytes;
  made->last = &made->first;
  return made;
}

void mtasts_outcome_batch_free(struct mtasts_outcome_batch *batch) {
  if (!batch)
    return;
  for (struct mtasts_batched_outcome *item; (item = batch->first); free(item))
    batch->first = item->after;
  mtasts_key_table_destroy(&batch->table);
  free(batch);
}

/* The counts of the domain's organisation. Two organisations that differ in one of them do not
 * disturb each other. */
static void find_share(struct mtasts_outcome_batch *batch, struct mtasts_span packed,
                       size_t *share[ROWS]) {
  struct mtasts_bytes_reader reader = {.rest = packed};
  struct mtasts_span domain = mtasts_unpack_domain(&reader);
  size_t start = mtasts_organisation_start(domain.data, domain.len);
  struct mtasts_span organisation = {domain.data + start, domain.len - start};
  uint64_t hash = mtasts_key_hash(&batch->table, organisation);
  for (size_t i = 0; i < ROWS; i++)
    share[i] = &batch->shares[i][(hash >> (16 * i)) % COUNTS];
}

bool mtasts_outcome_batch_half_full(const struct mtasts_outcome_batch *batch) {
  return batch->bytes >= batch->bytes_max / 2;
}

/* Counts an item of so many bytes, if there is room. */
static bool take_room(struct mtasts_outcome_batch *batch, struct mtasts_span packed, size_t size) {
  size_t *share[ROWS];
  size_t used = SIZE_MAX;
  size_t charge = size > CHARGE_MIN ? size : CHARGE_MIN;
  find_share(batch, packed, share);
  for (size_t i = 0; i < ROWS; i++)
    used = *share[i] < used ? *share[i] : used;
  bool scarce = mtasts_outcome_batch_half_full(batch);
  if (charge > batch->bytes_max - batch->bytes ||
      (scarce && used + charge > batch->bytes_max / SHARES))
    return false;
  batch->bytes += charge;
  for (size_t i = 0; i < ROWS; i++)
    *share[i] += charge;
  return true;
}

static void link_item(struct mtasts_outcome_batch *batch, struct mtasts_batched_outcome *item) {
  mtasts_key_table_add(&batch->table, &item->keyed);
  item->after = NULL;
  *batch->last = item;
  batch->last = &item->after;
}

struct mtasts_batched_outcome *mtasts_outcome_batch_add(struct mtasts_outcome_batch *batch,
                                                        struct mtasts_span packed, uint64_t count) {
  uint64_t hash = mtasts_key_hash(&batch->table, packed);
  struct mtasts_batched_outcome *item =
      (struct mtasts_batched_outcome *)mtasts_key_table_find(&batch->table, hash, packed);
  if (item) {
    item->count += count;
    return item;
  }
  size_t size = sizeof *item + packed.len;
  if (!take_room(batch, packed, size) || !(item = malloc(size)))
    return NULL;
  char *copy = (char *)(item + 1);
  memcpy(copy, packed.data, packed.len);
  *item = (struct mtasts_batched_outcome){.keyed = {.hash = hash, .key = {copy, packed.len}},
                                          .count = count};
  link_item(batch, item);
  return item;
}

uint64_t mtasts_outcome_batch_merge(struct mtasts_outcome_batch *batch,
                                    struct mtasts_outcome_batch *from) {
  uint64_t refused = 0;
  for (const struct mtasts_batched_outcome *item = from->first; item; item = item->after)
    if (!mtasts_outcome_batch_add(batch, item->keyed.key, item->count))
      refused += item->count;
  mtasts_outcome_batch_free(from);
  return refused;
}

uint64_t mtasts_outcome_batch_drop(struct mtasts_outcome_batch *batch) {
  uint64_t sessions = 0;
  for (const struct mtasts_batched_outcome *item = batch ? batch->first : NULL; item;
       item = item->after)
    sessions += item->count;
  mtasts_outcome_batch_free(batch);
  return sessions;
}

uint32_t mtasts_outcome_batch_day(const struct mtasts_outcome_batch *batch) {
  return batch->day;
}

const struct mtasts_batched_outcome *
mtasts_outcome_batch_first(const struct mtasts_outcome_batch *batch) {
  return batch->first;
}
