/* Replies of the entry map: as they come, and with a checksum that is right. A reply that was read
 * is written as the same bytes, or as fewer if an invalid policy was sent with it. */
#include "entry_reply.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out[MTASTS_ENTRY_REPLY_MAX];

static void require(bool truth) {
  if (!truth)
    abort();
}

static void check_reply(struct mtasts_span payload) {
  struct mtasts_entry_reply entry_reply;
  struct mtasts_entry_reply again;
  if (mtasts_entry_reply_read(payload, &entry_reply) != MTASTS_OK)
    return;
  size_t size = mtasts_entry_reply_write(&entry_reply, out);
  require(size <= payload.len && size <= sizeof out);
  require(mtasts_entry_reply_read((struct mtasts_span){out, size}, &again) == MTASTS_OK);
  require(again.has_entry == entry_reply.has_entry && again.freshness == entry_reply.freshness &&
          again.overridden == entry_reply.overridden && again.dane_off == entry_reply.dane_off &&
          again.monitor == entry_reply.monitor && again.defer == entry_reply.defer);
  struct mtasts_decision decision = mtasts_entry_reply_decide(&entry_reply, 1767225600);
  require(!decision.policy || decision.policy == &entry_reply.entry.policy);
  require(entry_reply.has_entry || decision.verdict == MTASTS_VERDICT_UNKNOWN);
  require(!entry_reply.overridden || decision.source == MTASTS_SOURCE_OVERRIDE);
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
  mtasts_entry_write_checksum((unsigned char *)sealed + head, size - head);
  check_reply((struct mtasts_span){sealed, size});
  free(sealed);
  return 0;
}
