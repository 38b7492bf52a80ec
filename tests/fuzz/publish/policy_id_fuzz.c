/* Any bytes as a file of DNS lines: an id that is found is valid, and the next one is another. */
#include "policy_id.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char id[MTASTS_ID_MAX + 1];
  char next[MTASTS_ID_MAX + 1];
  if (!mtasts_policy_id_find((struct mtasts_span){(const char *)data, size}, id))
    return 0;
  size_t len = strlen(id);
  if (len == 0 || len > MTASTS_ID_MAX)
    abort();
  mtasts_policy_id_new(id, 1767225600000000, next);
  if (strcmp(id, next) == 0)
    abort();
  return 0;
}
