#include "agenda.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"

struct item {
  struct mtasts_domain domain; /* first: tsearch(3) compares items and domains by it */
  int64_t due;
  size_t at; /* in the heap */
};

struct mtasts_agenda {
  size_t most;
  size_t count;
  void *by_domain;     /* tsearch(3) */
  struct item *heap[]; /* no item is due before its parent, which is at (at - 1) / 2 */
};

struct mtasts_agenda *mtasts_agenda_new(size_t most) {
  struct mtasts_agenda *made = calloc(1, sizeof *made + most * sizeof(void *));
  if (made)
    made->most = most;
  return made;
}

static struct item *find(struct mtasts_agenda *agenda, const struct mtasts_domain *domain) {
  struct item *const *found = tfind(domain, &agenda->by_domain, mtasts_domain_compare);
  return found ? *found : NULL;
}

static void place(struct mtasts_agenda *agenda, struct item *item, size_t at) {
  agenda->heap[at] = item;
  item->at = at;
}

/* Moves an item to where it belongs, upwards or downwards. */
static void sift(struct mtasts_agenda *agenda, struct item *item) {
  struct item **heap = agenda->heap;
  size_t at = item->at;
  for (; at > 0 && item->due < heap[(at - 1) / 2]->due; at = (at - 1) / 2)
    place(agenda, heap[(at - 1) / 2], at);
  for (size_t child; (child = 2 * at + 1) < agenda->count; at = child) {
    if (child + 1 < agenda->count && heap[child + 1]->due < heap[child]->due)
      child++;
    if (item->due <= heap[child]->due)
      break;
    place(agenda, heap[child], at);
  }
  place(agenda, item, at);
}

static void drop(struct mtasts_agenda *agenda, struct item *item) {
  struct item *last = agenda->heap[--agenda->count];
  tdelete(&item->domain, &agenda->by_domain, mtasts_domain_compare);
  if (last != item) {
    place(agenda, last, item->at);
    sift(agenda, last);
  }
  free(item);
}

void mtasts_agenda_free(struct mtasts_agenda *agenda) {
  if (!agenda)
    return;
  while (agenda->count > 0)
    drop(agenda, agenda->heap[agenda->count - 1]);
  free(agenda);
}

/* It is one of the leaves. */
static struct item *latest(const struct mtasts_agenda *agenda) {
  struct item *found = agenda->heap[agenda->count / 2];
  for (size_t i = agenda->count / 2; i < agenda->count; i++)
    if (agenda->heap[i]->due > found->due)
      found = agenda->heap[i];
  return found;
}

/* False: there is neither room nor anything later. */
static bool make_room(struct mtasts_agenda *agenda, int64_t due) {
  if (agenda->count < agenda->most)
    return true;
  if (agenda->most == 0 || latest(agenda)->due <= due)
    return false;
  drop(agenda, latest(agenda));
  return true;
}

void mtasts_agenda_set(struct mtasts_agenda *agenda, const struct mtasts_domain *domain,
                       int64_t due) {
  struct item *item = find(agenda, domain);
  if (item) {
    item->due = due;
    sift(agenda, item);
    return;
  }
  if (!make_room(agenda, due) || !(item = malloc(sizeof *item)))
    return;
  *item = (struct item){.domain = *domain, .due = due, .at = agenda->count};
  if (!tsearch(item, &agenda->by_domain, mtasts_domain_compare)) {
    free(item);
    return;
  }
  agenda->count++;
  sift(agenda, item);
}

void mtasts_agenda_drop(struct mtasts_agenda *agenda, const struct mtasts_domain *domain) {
  struct item *item = find(agenda, domain);
  if (item)
    drop(agenda, item);
}

bool mtasts_agenda_take(struct mtasts_agenda *agenda, int64_t now, struct mtasts_domain *domain) {
  if (agenda->count == 0 || agenda->heap[0]->due > now)
    return false;
  *domain = agenda->heap[0]->domain;
  drop(agenda, agenda->heap[0]);
  return true;
}

/* Their order stays. */
void mtasts_agenda_shift(struct mtasts_agenda *agenda, int64_t jump) {
  for (size_t i = 0; i < agenda->count; i++)
    agenda->heap[i]->due += jump;
}

size_t mtasts_agenda_count(const struct mtasts_agenda *agenda) {
  return agenda->count;
}
