/*
 * domain_list.h: any number of domains, kept by their names one behind the other, first in, first
 * out.
 */
#ifndef MTASTS_TOOL_DOMAIN_LIST_H
#define MTASTS_TOOL_DOMAIN_LIST_H

#include "mtasts.h"

struct mtasts_domain_list {
  char *names; /* each with its NUL */
  size_t size, capacity;
  size_t taken; /* bytes */
  uint64_t count;
};

/* False: no memory. */
bool mtasts_domain_list_add(struct mtasts_domain_list *list, const struct mtasts_domain *domain);

/* The next one; false where there is none. */
bool mtasts_domain_list_take(struct mtasts_domain_list *list, struct mtasts_domain *domain);

void mtasts_domain_list_free(struct mtasts_domain_list *list);

#endif
