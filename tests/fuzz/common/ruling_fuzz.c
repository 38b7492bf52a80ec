/* Replies of the entry map: as they come, and with a checksum that is right. What is read is
 * written to the same bytes, or to fewer where a policy that is none was sent with it. */
#include "ruling.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out[MTASTS_RULING_MAX];

static void require(bool truth) {
  if (!truth)
    abort();
}

static void check_reply(struct mtasts_span payload) {
  struct mtasts_ruling ruling;
  struct mtasts_ruling again;
  if (mtasts_ruling_read(payload, &ruling) != MTASTS_OK)
    return;
  size_t size = mtasts_ruling_write(&ruling, out);
  require(size <= payload.len && size <= sizeof out);
  require(mtasts_ruling_read((struct mtasts_span){out, size}, &again) == MTASTS_OK);
  require(again.known == ruling.known && again.freshness == ruling.freshness &&
          again.overridden == ruling.overridden && again.dane_off == ruling.dane_off &&
          again.monitor == ruling.monitor && again.defer == ruling.defer);
  struct mtasts_decision decision = mtasts_ruling_decide(&ruling, 1767225600);
  require(!decision.policy || decision.policy == &ruling.entry.policy);
  require(ruling.known || decision.verdict == MTASTS_VERDICT_UNKNOWN);
  require(!ruling.overridden || decision.source == MTASTS_SOURCE_OVERRIDE);
  (void)mtasts_decision_allows(&decision, (struct mtasts_span){"mx1.example.com", 15});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  check_reply((struct mtasts_span){(const char *)data, size});
  const uint8_t *line_end = size > 0 ? memchr(data, '\n', size) : NULL;
  size_t head = line_end ? (size_t)(line_end - data) + 1 : size;
  if (size - head < MTASTS_ENTRY_HEADER)
    return 0;
  char *sealed = malloc(size);
  require(sealed != NULL);
  memcpy(sealed, data, size);
  mtasts_entry_seal((unsigned char *)sealed + head, size - head);
  check_reply((struct mtasts_span){sealed, size});
  free(sealed);
  return 0;
}
