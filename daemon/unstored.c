#include "unstored.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "entry_codec.h"

struct mtasts_unstored_item {
  struct mtasts_domain domain; /* first, for mtasts_domain_compare */
  TAILQ_ENTRY(mtasts_unstored_item) link;
  unsigned char *value;
  size_t size; /* bytes */
};

static struct mtasts_unstored_item *find(const struct mtasts_unstored *unstored,
                                         const struct mtasts_domain *domain) {
  struct mtasts_unstored_item *const *found =
      tfind(domain, &unstored->by_domain, mtasts_domain_compare);
  return found ? *found : NULL;
}

static void forget(struct mtasts_unstored *unstored, struct mtasts_unstored_item *item) {
  tdelete(item, &unstored->by_domain, mtasts_domain_compare);
  TAILQ_REMOVE(&unstored->items, item, link);
  unstored->count--;
  free(item->value);
  free(item);
}

static struct mtasts_unstored_item *add(struct mtasts_unstored *unstored,
                                        const struct mtasts_domain *domain) {
  struct mtasts_unstored_item *item = calloc(1, sizeof *item);
  if (!item)
    return NULL;
  item->domain = *domain;
  if (!tsearch(item, &unstored->by_domain, mtasts_domain_compare)) {
    free(item);
    return NULL;
  }
  TAILQ_INSERT_TAIL(&unstored->items, item, link);
  unstored->count++;
  return item;
}

void mtasts_unstored_init(struct mtasts_unstored *unstored) {
  *unstored = (struct mtasts_unstored){.by_domain = NULL};
  TAILQ_INIT(&unstored->items);
}

void mtasts_unstored_free(struct mtasts_unstored *unstored) {
  for (struct mtasts_unstored_item *item; (item = TAILQ_FIRST(&unstored->items));)
    forget(unstored, item);
}

void mtasts_unstored_set(struct mtasts_unstored *unstored, const struct mtasts_domain *domain,
                         unsigned char *value, size_t size) {
  struct mtasts_unstored_item *item = find(unstored, domain);
  if (item)
    forget(unstored, item);
  if (!value)
    return;
  if (unstored->count == MTASTS_UNSTORED_MAX)
    forget(unstored, TAILQ_FIRST(&unstored->items));
  item = add(unstored, domain);
  if (!item) {
    free(value);
    return;
  }
  item->value = value;
  item->size = size;
}

bool mtasts_unstored_get(const struct mtasts_unstored *unstored, const struct mtasts_domain *domain,
                         struct mtasts_entry *entry) {
  const struct mtasts_unstored_item *item = unstored->count > 0 ? find(unstored, domain) : NULL;
  return item && mtasts_entry_decode(item->value, item->size, entry) == MTASTS_OK;
}
