/*
 * address_names.h: names of sending addresses, as the DNS gives them, to be shown beside the
 * addresses. They are claims of strangers. Plain values, the caller's.
 */
#ifndef MTASTS_REPORT_ADDRESS_NAMES_H
#define MTASTS_REPORT_ADDRESS_NAMES_H

#include "mtasts.h"

struct mtasts_address_name {
  struct mtasts_span address, name; /* an empty name: none is known */
};

/* At most some hundreds: they are searched one by one. */
struct mtasts_address_names {
  const struct mtasts_address_name *items;
  size_t count;
};

/* Empty if none is known; names may be NULL. */
struct mtasts_span mtasts_address_name(const struct mtasts_address_names *names,
                                       struct mtasts_span address);

#endif
