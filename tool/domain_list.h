/*
 * domain_list.h: a queue of any number of domains: first in, first out. The names are stored one
 * after another.
 */
#ifndef MTASTS_TOOL_DOMAIN_LIST_H
#define MTASTS_TOOL_DOMAIN_LIST_H

#include "mtasts.h"

struct mtasts_domain_list {
  char *names; /* each with its NUL */
  size_t size, capacity;
  size_t taken; /* bytes already taken out */
  uint64_t count;
};

/* False: no memory. */
bool mtasts_domain_list_add(struct mtasts_domain_list *list, const struct mtasts_domain *domain);

/* Takes the next domain; false if there is none. */
bool mtasts_domain_list_take(struct mtasts_domain_list *list, struct mtasts_domain *domain);

void mtasts_domain_list_free(struct mtasts_domain_list *list);

#endif
