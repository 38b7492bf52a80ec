#include "mx_list.h"

#include <stdlib.h>

#include "ascii.h"

enum {
  HEAD = 4 /* bytes of an entry before its name */
};

bool mtasts_mx_next(const struct mtasts_mx_list *list, size_t *cursor,
                    struct mtasts_mx_host *host) {
  if (*cursor >= list->size || list->size - *cursor <= HEAD)
    return false;
  const unsigned char *entry = list->data + *cursor;
  size_t len = entry[3];
  if (entry[2] > MTASTS_DANE_GONE || len == 0 || len > MTASTS_DOMAIN_MAX ||
      len > list->size - *cursor - HEAD)
    return false;
  *host = (struct mtasts_mx_host){.preference = (uint16_t)(entry[0] << 8 | entry[1]),
                                  .dane = (enum mtasts_dane)entry[2],
                                  .host = {(const char *)entry + HEAD, len}};
  *cursor += HEAD + len;
  return true;
}

static int by_preference(const void *left, const void *right) {
  const struct mtasts_mx_host *a = left;
  const struct mtasts_mx_host *b = right;
  if (a->preference != b->preference)
    return a->preference < b->preference ? -1 : 1;
  size_t shorter = a->host.len < b->host.len ? a->host.len : b->host.len;
  int order = memcmp(a->host.data, b->host.data, shorter);
  if (order != 0)
    return order;
  return (a->host.len > b->host.len) - (a->host.len < b->host.len);
}

static bool has_host(const struct mtasts_mx_list *list, struct mtasts_span name) {
  struct mtasts_mx_host kept;
  for (size_t cursor = 0; mtasts_mx_next(list, &cursor, &kept);)
    if (mtasts_span_equal(kept.host, name))
      return true;
  return false;
}

void mtasts_mx_list_pack(struct mtasts_mx_host *hosts, size_t count, unsigned char *store,
                         struct mtasts_mx_list *list) {
  *list = (struct mtasts_mx_list){.data = store};
  if (count > 1)
    qsort(hosts, count, sizeof *hosts, by_preference);
  for (size_t i = 0; i < count && list->count < MTASTS_MX_HOSTS_MAX; i++) {
    const struct mtasts_mx_host *host = &hosts[i];
    if (has_host(list, host->host))
      continue;
    unsigned char *entry = store + list->size;
    entry[0] = (unsigned char)(host->preference >> 8);
    entry[1] = (unsigned char)(host->preference & 0xff);
    entry[2] = (unsigned char)host->dane;
    entry[3] = (unsigned char)host->host.len;
    memcpy(entry + HEAD, host->host.data, host->host.len);
    list->size += HEAD + host->host.len;
    list->count++;
  }
}

size_t mtasts_mx_list_size(const struct mtasts_mx_host *hosts, size_t count) {
  size_t size = 0;
  for (size_t i = 0; i < count; i++)
    size += HEAD + hosts[i].host.len;
  return size < MTASTS_MX_LIST_MAX ? size : MTASTS_MX_LIST_MAX;
}
