#include "report_suppression.h"

#include <string.h>

#include "addr_spec.h"
#include "ascii.h"
#include "idn.h"

bool mtasts_suppression_has_domain(const struct mtasts_strings *list,
                                   const struct mtasts_domain *domain) {
  struct mtasts_domain named;
  for (size_t i = 0; i < list->count; i++)
    if (!strchr(list->items[i], '@') &&
        mtasts_domain_from_text(mtasts_span_of(list->items[i]), &named) == MTASTS_OK &&
        mtasts_domain_compare(&named, domain) == 0)
      return true;
  return false;
}

bool mtasts_suppression_has_target(const struct mtasts_strings *list,
                                   const struct mtasts_rua_target *target) {
  struct mtasts_addr_spec address;
  for (size_t i = 0; target->kind == MTASTS_RUA_MAILTO && i < list->count; i++)
    if (!mtasts_addr_spec_parse(mtasts_span_of(list->items[i]), &address) &&
        mtasts_span_equal_nocase(mtasts_span_of(address.text), mtasts_span_of(target->target)))
      return true;
  return false;
}
