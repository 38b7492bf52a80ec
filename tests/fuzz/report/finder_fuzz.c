/* A stranger's file: whatever it holds, in whatever pieces it is read, the same is found, and each
 * input ends in at least one event. What mail, mbox, gzip and JSON hold is walked as a whole. */
#include "finder.h"

#include <stdlib.h>
#include <string.h>

#include "json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct events {
  uint64_t reports, rejected, warnings, messages;
};

static void require(bool truth) {
  if (!truth)
    abort();
}

static void take_report(void *context, uint64_t message, const struct mtasts_found *found) {
  struct events *events = context;
  events->reports++;
  events->messages += message;
  require(json_is_object(found->root) && found->text.len >= 2 && found->text.data[0] == '{');
}

static void take_rejected(void *context, uint64_t message, const char *reason) {
  struct events *events = context;
  events->rejected++;
  events->messages += message;
  require(strlen(reason) > 0);
}

static void take_warning(void *context, uint64_t message, const char *text) {
  struct events *events = context;
  events->warnings++;
  events->messages += message;
  require(strlen(text) > 0);
}

/* The first piece has the bytes by which the finder knows an mbox. */
static struct events find(const uint8_t *data, size_t size, size_t piece) {
  static const struct mtasts_finder_events calls = {take_report, take_rejected, take_warning};
  struct events events = {0};
  struct mtasts_finder *finder = mtasts_finder_new(&calls, &events);
  require(finder != NULL);
  for (size_t at = 0; at < size;) {
    size_t len = size - at < piece ? size - at : piece;
    if (!mtasts_finder_feed(finder, (struct mtasts_span){(const char *)data + at, len}))
      break;
    at += len;
  }
  mtasts_finder_end(finder);
  mtasts_finder_free(finder);
  return events;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static bool ready;
  if (!ready)
    mtasts_json_text_init();
  ready = true;
  struct events whole = find(data, size, size + 1);
  struct events pieces = find(data, size, 7);
  require(whole.reports + whole.rejected > 0);
  require(memcmp(&whole, &pieces, sizeof whole) == 0);
  return 0;
}
