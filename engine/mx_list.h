/*
 * mx_list.h: the packed list of a domain's MX hosts.
 *
 * One host is: preference (2 bytes, big-endian), DANE state (1), length (1),
 * name (1 to 253 bytes). The list is sorted by preference, then by name.
 */
#ifndef MTASTS_ENGINE_MX_LIST_H
#define MTASTS_ENGINE_MX_LIST_H

#include "bounds.h"
#include "mtasts.h"

enum {
  MTASTS_MX_LIST_MAX = MTASTS_MX_HOSTS_MAX * (4 + MTASTS_DOMAIN_MAX), /* bytes */
  MTASTS_MX_LIST_DANE = 2,                                            /* offset of the state */
};

/*
 * Packs hosts into store, which has at least mtasts_mx_list_size bytes. Sorts `hosts` in place.
 * Drops repeats of one name (the lowest preference stays) and hosts beyond MTASTS_MX_HOSTS_MAX.
 * Names must be lower case, 1 to 253 bytes.
 */
void mtasts_mx_list_pack(struct mtasts_mx_host *hosts, size_t count, unsigned char *store,
                         struct mtasts_mx_list *list);

/* Bytes that packing these hosts takes at most. */
size_t mtasts_mx_list_size(const struct mtasts_mx_host *hosts, size_t count);

#endif
