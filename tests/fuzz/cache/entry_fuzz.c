/* Stored values: as they come, and with a checksum that is right. Whatever decodes can be
 * walked through to its end, and encodes to something that decodes to the same. */
#include <stdlib.h>
#include <string.h>

#include "entry_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth) {
  if (!truth)
    abort();
}

static void use(const struct mtasts_entry *entry) {
  struct mtasts_span name;
  struct mtasts_mx_host host;
  size_t at = 0;
  size_t count = 0;
  while (mtasts_names_next(&entry->policy.mx, &at, &name))
    count++;
  require(at == entry->policy.mx.size && count == entry->policy.mx.count);
  at = count = 0;
  while (mtasts_mx_next(&entry->mx, &at, &host))
    count++;
  require(at == entry->mx.size && count == entry->mx.count);
  require(strlen(entry->policy_id) <= MTASTS_ID_MAX && strlen(entry->record_id) <= MTASTS_ID_MAX);
  require(entry->expires - entry->fetched == entry->policy.max_age);
  (void)mtasts_entry_check(entry);
}

static void decode(const unsigned char *value, size_t size) {
  struct mtasts_entry entry;
  if (mtasts_entry_decode(value, size, &entry) != MTASTS_OK)
    return;
  use(&entry);
  size_t again_size = mtasts_entry_size(&entry);
  require(again_size <= size);
  unsigned char *again = malloc(again_size);
  struct mtasts_entry second;
  require(again && mtasts_entry_encode(&entry, again) == again_size &&
          mtasts_entry_decode(again, again_size, &second) == MTASTS_OK);
  use(&second);
  require(second.has_policy == entry.has_policy && second.checked == entry.checked &&
          second.mx.count == entry.mx.count);
  free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  decode(data, size);
  if (size < MTASTS_ENTRY_HEADER)
    return 0;
  unsigned char *sealed = malloc(size);
  require(sealed != NULL);
  memcpy(sealed, data, size);
  mtasts_entry_write_checksum(sealed, size);
  decode(sealed, size);
  free(sealed);
  return 0;
}
