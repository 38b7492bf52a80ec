#include "domain_list.h"

#include <stdlib.h>
#include <string.h>

bool mtasts_domain_list_add(struct mtasts_domain_list *list, const struct mtasts_domain *domain) {
  size_t size = domain->len + 1;
  if (list->capacity - list->size < size) {
    size_t capacity = 2 * list->capacity + sizeof *domain;
    char *names = realloc(list->names, capacity);
    if (!names)
      return false;
    list->names = names;
    list->capacity = capacity;
  }
  memcpy(list->names + list->size, domain->name, size);
  list->size += size;
  list->count++;
  return true;
}

bool mtasts_domain_list_take(struct mtasts_domain_list *list, struct mtasts_domain *domain) {
  if (list->taken == list->size)
    return false;
  const char *name = list->names + list->taken;
  struct mtasts_span text = {name, strlen(name)};
  list->taken += text.len + 1;
  return mtasts_domain_parse(text, domain) == MTASTS_OK;
}

void mtasts_domain_list_free(struct mtasts_domain_list *list) {
  free(list->names);
  *list = (struct mtasts_domain_list){0};
}
