#include "address_names.h"

#include "span.h"

struct mtasts_span mtasts_address_name(const struct mtasts_address_names *names,
                                       struct mtasts_span address) {
  for (size_t i = 0; names && i < names->count; i++)
    if (mtasts_span_equal(names->items[i].address, address))
      return names->items[i].name;
  return MTASTS_SPAN("");
}
