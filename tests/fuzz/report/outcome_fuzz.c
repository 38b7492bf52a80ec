/* Any bytes as an outcome: refused, or one whose names and codes are what they must be. */
#include <stdlib.h>
#include <string.h>

#include "outcome_datagram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mtasts_outcome outcome;
  struct mtasts_domain domain;
  if (mtasts_outcome_datagram_read((struct mtasts_span){(const char *)data, size}, &outcome) !=
      MTASTS_OK)
    return 0;
  struct mtasts_span name = {outcome.domain.name, outcome.domain.len};
  struct mtasts_span mx = {outcome.mx, strnlen(outcome.mx, sizeof outcome.mx)};
  if (mtasts_domain_parse(name, &domain) != MTASTS_OK || strcmp(domain.name, name.data) != 0)
    abort();
  if (mx.len == sizeof outcome.mx || (mx.len > 0 && mtasts_domain_parse(mx, &domain) != MTASTS_OK))
    abort();
  if (outcome.result != 0 && (!outcome.failed || !*mtasts_result_type_name(outcome.result)))
    abort();
  return 0;
}
