/* Any bytes as a line to import: refused with a text, or an entry that the cache may hold. */
#include "entry_codec.h"
#include "entry_json.h"

#include <stdlib.h>
#include <string.h>

static struct mtasts_entry_buffers store;
static struct mtasts_entry_buffers store_again;

/* Writes the entry as JSON and reads it back: it must encode to the same bytes. */
static void check_again(const struct mtasts_domain *domain, const struct mtasts_entry *entry,
                        const unsigned char *value, size_t size) {
  struct mtasts_domain same;
  struct mtasts_entry again;
  char error[MTASTS_ERROR_TEXT];
  json_t *object = mtasts_entry_json(domain, entry);
  char *line = json_dumps(object, JSON_COMPACT);
  if (mtasts_entry_from_json((struct mtasts_span){line, strlen(line)}, &store_again, &same, &again,
                             error) != MTASTS_OK ||
      mtasts_entry_size(&again) != size)
    abort();
  unsigned char *other = malloc(size);
  if (!other || mtasts_entry_encode(&again, other) != size || memcmp(value, other, size) != 0)
    abort();
  free(other);
  free(line);
  json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  struct mtasts_entry stored;
  char error[MTASTS_ERROR_TEXT];
  error[0] = '\0';
  if (mtasts_entry_from_json((struct mtasts_span){(const char *)data, size}, &store, &domain,
                             &entry, error) != MTASTS_OK) {
    if (error[0] == '\0')
      abort();
    return 0;
  }
  size_t length = mtasts_entry_size(&entry);
  unsigned char *value = malloc(length);
  if (!value || mtasts_entry_encode(&entry, value) != length ||
      mtasts_entry_decode(value, length, &stored) != MTASTS_OK || !mtasts_entry_check(&stored))
    abort();
  check_again(&domain, &stored, value, length);
  free(value);
  return 0;
}
