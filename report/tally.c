#include "tally.h"

#include <stdlib.h>

#include "span.h"

enum {
  ROOM_FIRST = 64,
};

uint64_t mtasts_sum(uint64_t a, uint64_t b) {
  uint64_t max = INT64_MAX;
  return a > max || b > max - a ? max : a + b;
}

/* FNV-1a, from a secret start. */
static size_t hash(uint64_t seed, struct mtasts_span name) {
  uint64_t value = 0xcbf29ce484222325 ^ seed;
  for (size_t i = 0; i < name.len; i++)
    value = (value ^ (unsigned char)name.data[i]) * 0x100000001b3;
  return (size_t)(value ^ value >> 32);
}

static size_t slot_of(const struct mtasts_policy_counts *tally, struct mtasts_span name) {
  size_t slot = hash(tally->seed, name) & (tally->room - 1);
  while (tally->counts[slot] && !mtasts_span_equal(tally->counts[slot]->name, name))
    slot = (slot + 1) & (tally->room - 1);
  return slot;
}

static bool grow(struct mtasts_policy_counts *tally) {
  struct mtasts_policy_counts larger = *tally;
  larger.room = tally->room ? tally->room * 2 : ROOM_FIRST;
  larger.counts = calloc(larger.room, sizeof(struct mtasts_count *));
  if (!larger.counts)
    return false;
  for (size_t i = 0; i < tally->room; i++)
    if (tally->counts[i])
      larger.counts[slot_of(&larger, tally->counts[i]->name)] = tally->counts[i];
  free(tally->counts);
  *tally = larger;
  return true;
}

const struct mtasts_count *mtasts_tally_find(const struct mtasts_policy_counts *tally,
                                             struct mtasts_span name) {
  return tally->room ? tally->counts[slot_of(tally, name)] : NULL;
}

static struct mtasts_count *new_count(struct mtasts_span name, int64_t day) {
  struct mtasts_count *count = malloc(sizeof *count + name.len);
  if (!count)
    return NULL;
  char *copy = (char *)(count + 1);
  if (name.len > 0)
    memcpy(copy, name.data, name.len);
  *count = (struct mtasts_count){.name = {copy, name.len}, .first = day, .last = day};
  return count;
}

/* The count of the name, or a new one. */
static struct mtasts_count *take(struct mtasts_policy_counts *tally, struct mtasts_span name,
                                 int64_t day) {
  struct mtasts_span others = MTASTS_SPAN(MTASTS_TALLY_OTHERS);
  if (tally->used * 2 >= tally->room && !grow(tally))
    return NULL;
  size_t slot = slot_of(tally, name);
  if (!tally->counts[slot] && !mtasts_span_equal(name, others) &&
      (tally->used + 1 >= MTASTS_TALLY_NAMES || name.len > MTASTS_TALLY_TEXT - tally->text))
    return take(tally, others, day);
  if (!tally->counts[slot]) {
    tally->counts[slot] = new_count(name, day);
    if (!tally->counts[slot])
      return NULL;
    tally->used++;
    tally->text += name.len;
  }
  return tally->counts[slot];
}

struct mtasts_count *mtasts_tally_add(struct mtasts_policy_counts *tally, struct mtasts_span name,
                                      uint64_t successful, uint64_t failed, int64_t day) {
  struct mtasts_count *count = take(tally, name, day);
  if (!count)
    return NULL;
  if (failed > 0 && (count->failed == 0 || day < count->first_failed))
    count->first_failed = day;
  if (failed > 0 && (count->failed == 0 || day > count->last_failed))
    count->last_failed = day;
  if (day < count->first)
    count->first = day;
  if (day > count->last)
    count->last = day;
  count->successful = mtasts_sum(count->successful, successful);
  count->failed = mtasts_sum(count->failed, failed);
  return count;
}

struct mtasts_count *mtasts_tally_add_parts(struct mtasts_policy_counts *tally,
                                            const struct mtasts_span *parts, size_t count,
                                            uint64_t successful, uint64_t failed, int64_t day) {
  char small[512];
  size_t len = 0;
  if (count == 0)
    return NULL;
  for (size_t i = 0; i < count; i++)
    len += parts[i].len + 1;
  char *name = len <= sizeof small ? small : malloc(len);
  if (!name)
    return NULL;
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < parts[i].len; j++)
      if (parts[i].data[j] != '\0')
        name[at++] = parts[i].data[j];
    name[at++] = '\0';
  }
  struct mtasts_count *added =
      mtasts_tally_add(tally, (struct mtasts_span){name, at - 1}, successful, failed, day);
  if (name != small)
    free(name);
  return added;
}

struct mtasts_span mtasts_count_part(const struct mtasts_count *count, size_t part) {
  struct mtasts_span rest = count->name;
  struct mtasts_span head = rest;
  for (size_t i = 0; i <= part; i++)
    mtasts_span_cut(&rest, '\0', &head);
  return head;
}

static int by_name(const void *left, const void *right) {
  const struct mtasts_count *a = *(const struct mtasts_count *const *)left;
  const struct mtasts_count *b = *(const struct mtasts_count *const *)right;
  size_t common = a->name.len < b->name.len ? a->name.len : b->name.len;
  int order = common > 0 ? memcmp(a->name.data, b->name.data, common) : 0;
  return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

static int by_size(const void *left, const void *right) {
  const struct mtasts_count *a = *(const struct mtasts_count *const *)left;
  const struct mtasts_count *b = *(const struct mtasts_count *const *)right;
  uint64_t of_a = mtasts_sum(a->successful, a->failed);
  uint64_t of_b = mtasts_sum(b->successful, b->failed);
  return of_a != of_b ? (of_a < of_b ? 1 : -1) : by_name(left, right);
}

const struct mtasts_count **mtasts_tally_sorted(const struct mtasts_policy_counts *tally,
                                                enum mtasts_tally_order order) {
  size_t used = 0;
  const struct mtasts_count **sorted =
      tally->used ? calloc(tally->used, sizeof(struct mtasts_count *)) : NULL;
  if (!sorted)
    return NULL;
  for (size_t i = 0; i < tally->room; i++)
    if (tally->counts[i])
      sorted[used++] = tally->counts[i];
  qsort(sorted, used, sizeof(struct mtasts_count *), order == MTASTS_LARGEST ? by_size : by_name);
  return sorted;
}

void mtasts_tally_free(struct mtasts_policy_counts *tally) {
  for (size_t i = 0; i < tally->room; i++)
    free(tally->counts[i]);
  free(tally->counts);
  *tally = (struct mtasts_policy_counts){0};
}
