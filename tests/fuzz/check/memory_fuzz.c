/* The input is the file of a memory. One that is read, written out again, must be read as the
 * same. */
#include <stdlib.h>
#include <string.h>

#include "memory_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
  if (!ok)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct mtasts_domain domain = {"example.com", sizeof "example.com" - 1};
  static struct mtasts_memory memory;
  static struct mtasts_memory again;
  if (!mtasts_memory_read((struct mtasts_span){(const char *)data, size}, &domain, &memory))
    return 0;
  require(memory.id_count <= MTASTS_MEMORY_IDS && memory.last_seen >= 0);
  require(strlen(memory.id) <= MTASTS_ID_MAX);
  char *text = mtasts_memory_write(&domain, &memory);
  require(text != NULL);
  require(mtasts_memory_read((struct mtasts_span){text, strlen(text)}, &domain, &again));
  require(again.id_count == memory.id_count && again.enforce_until == memory.enforce_until);
  require(strcmp(again.id, memory.id) == 0 && again.ttl == memory.ttl);
  require(again.changed == memory.changed && again.has_last == memory.has_last);
  for (size_t i = 0; i < memory.id_count; i++)
    require(strcmp(again.ids[i].id, memory.ids[i].id) == 0 &&
            mtasts_remembered_equal(&again.ids[i].policy, &memory.ids[i].policy));
  free(text);
  return 0;
}
