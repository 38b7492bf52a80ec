#include "newer.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "entry_codec.h"

struct mtasts_newer_item {
  struct mtasts_domain domain; /* first, for mtasts_domain_compare */
  TAILQ_ENTRY(mtasts_newer_item) link;
  unsigned char *value;
  size_t size; /* bytes */
};

static struct mtasts_newer_item *find(const struct mtasts_newer *newer,
                                      const struct mtasts_domain *domain) {
  struct mtasts_newer_item *const *found = tfind(domain, &newer->by_domain, mtasts_domain_compare);
  return found ? *found : NULL;
}

static void forget(struct mtasts_newer *newer, struct mtasts_newer_item *item) {
  tdelete(item, &newer->by_domain, mtasts_domain_compare);
  TAILQ_REMOVE(&newer->items, item, link);
  newer->count--;
  free(item->value);
  free(item);
}

static struct mtasts_newer_item *add(struct mtasts_newer *newer,
                                     const struct mtasts_domain *domain) {
  struct mtasts_newer_item *item = calloc(1, sizeof *item);
  if (!item)
    return NULL;
  item->domain = *domain;
  if (!tsearch(item, &newer->by_domain, mtasts_domain_compare)) {
    free(item);
    return NULL;
  }
  TAILQ_INSERT_TAIL(&newer->items, item, link);
  newer->count++;
  return item;
}

void mtasts_newer_init(struct mtasts_newer *newer) {
  *newer = (struct mtasts_newer){.by_domain = NULL};
  TAILQ_INIT(&newer->items);
}

void mtasts_newer_free(struct mtasts_newer *newer) {
  for (struct mtasts_newer_item *item; (item = TAILQ_FIRST(&newer->items));)
    forget(newer, item);
}

void mtasts_newer_set(struct mtasts_newer *newer, const struct mtasts_domain *domain,
                      unsigned char *value, size_t size) {
  struct mtasts_newer_item *item = find(newer, domain);
  if (item)
    forget(newer, item);
  if (!value)
    return;
  if (newer->count == MTASTS_NEWER_MAX)
    forget(newer, TAILQ_FIRST(&newer->items));
  item = add(newer, domain);
  if (!item) {
    free(value);
    return;
  }
  item->value = value;
  item->size = size;
}

bool mtasts_newer_get(const struct mtasts_newer *newer, const struct mtasts_domain *domain,
                      struct mtasts_entry *entry) {
  const struct mtasts_newer_item *item = newer->count > 0 ? find(newer, domain) : NULL;
  return item && mtasts_entry_decode(item->value, item->size, entry) == MTASTS_OK;
}
