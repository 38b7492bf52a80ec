#include "due_queue.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"

struct item {
  struct mtasts_domain domain; /* first: tsearch(3) compares items and domains by it */
  int64_t due;
  size_t at; /* in the heap */
};

struct mtasts_due_queue {
  size_t max;
  size_t count;
  void *by_domain;     /* tsearch(3) */
  struct item *heap[]; /* no item is due before its parent, which is at (at - 1) / 2 */
};

struct mtasts_due_queue *mtasts_due_queue_new(size_t max) {
  struct mtasts_due_queue *made = calloc(1, sizeof *made + max * sizeof(void *));
  if (made)
    made->max = max;
  return made;
}

static struct item *find(struct mtasts_due_queue *due_queue, const struct mtasts_domain *domain) {
  struct item *const *found = tfind(domain, &due_queue->by_domain, mtasts_domain_compare);
  return found ? *found : NULL;
}

static void put_at(struct mtasts_due_queue *due_queue, struct item *item, size_t at) {
  due_queue->heap[at] = item;
  item->at = at;
}

/* Moves an item up or down to its position. */
static void sift(struct mtasts_due_queue *due_queue, struct item *item) {
  struct item **heap = due_queue->heap;
  size_t at = item->at;
  for (; at > 0 && item->due < heap[(at - 1) / 2]->due; at = (at - 1) / 2)
    put_at(due_queue, heap[(at - 1) / 2], at);
  for (size_t child; (child = 2 * at + 1) < due_queue->count; at = child) {
    if (child + 1 < due_queue->count && heap[child + 1]->due < heap[child]->due)
      child++;
    if (item->due <= heap[child]->due)
      break;
    put_at(due_queue, heap[child], at);
  }
  put_at(due_queue, item, at);
}

static void drop(struct mtasts_due_queue *due_queue, struct item *item) {
  struct item *last = due_queue->heap[--due_queue->count];
  tdelete(&item->domain, &due_queue->by_domain, mtasts_domain_compare);
  if (last != item) {
    put_at(due_queue, last, item->at);
    sift(due_queue, last);
  }
  free(item);
}

void mtasts_due_queue_free(struct mtasts_due_queue *due_queue) {
  if (!due_queue)
    return;
  while (due_queue->count > 0)
    drop(due_queue, due_queue->heap[due_queue->count - 1]);
  free(due_queue);
}

/* The item with the latest time; it is one of the leaves. */
static struct item *latest(const struct mtasts_due_queue *due_queue) {
  struct item *found = due_queue->heap[due_queue->count / 2];
  for (size_t i = due_queue->count / 2; i < due_queue->count; i++)
    if (due_queue->heap[i]->due > found->due)
      found = due_queue->heap[i];
  return found;
}

/* Drops the latest item if the queue is full. False: it is full, and no item is later. */
static bool make_room(struct mtasts_due_queue *due_queue, int64_t due) {
  if (due_queue->count < due_queue->max)
    return true;
  if (due_queue->max == 0 || latest(due_queue)->due <= due)
    return false;
  drop(due_queue, latest(due_queue));
  return true;
}

void mtasts_due_queue_set(struct mtasts_due_queue *due_queue, const struct mtasts_domain *domain,
                          int64_t due) {
  struct item *item = find(due_queue, domain);
  if (item) {
    item->due = due;
    sift(due_queue, item);
    return;
  }
  if (!make_room(due_queue, due) || !(item = malloc(sizeof *item)))
    return;
  *item = (struct item){.domain = *domain, .due = due, .at = due_queue->count};
  if (!tsearch(item, &due_queue->by_domain, mtasts_domain_compare)) {
    free(item);
    return;
  }
  due_queue->count++;
  sift(due_queue, item);
}

void mtasts_due_queue_drop(struct mtasts_due_queue *due_queue, const struct mtasts_domain *domain) {
  struct item *item = find(due_queue, domain);
  if (item)
    drop(due_queue, item);
}

bool mtasts_due_queue_take(struct mtasts_due_queue *due_queue, int64_t now,
                           struct mtasts_domain *domain) {
  if (due_queue->count == 0 || due_queue->heap[0]->due > now)
    return false;
  *domain = due_queue->heap[0]->domain;
  drop(due_queue, due_queue->heap[0]);
  return true;
}

/* All move alike, so the heap's order stays. */
void mtasts_due_queue_shift(struct mtasts_due_queue *due_queue, int64_t jump) {
  for (size_t i = 0; i < due_queue->count; i++)
    due_queue->heap[i]->due += jump;
}

size_t mtasts_due_queue_count(const struct mtasts_due_queue *due_queue) {
  return due_queue->count;
}
