#include "mbox.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

const char *const unit_name = "report/mbox";

struct messages {
  char text[4096];
  size_t len;
  uint64_t count, too_large;
};

static void take(void *context, uint64_t number, struct mtasts_span message) {
  struct messages *messages = context;
  messages->count++;
  CU_ASSERT(number == messages->count);
  messages->too_large += !message.data;
  if (!message.data || message.len + 2 > sizeof messages->text - messages->len)
    return;
  messages->text[messages->len++] = '<';
  memcpy(messages->text + messages->len, message.data, message.len);
  messages->len += message.len;
  messages->text[messages->len++] = '>';
}

/* an mbox, its messages: fed in pieces of every size */
static void check(unsigned line, const struct unit_field *fields, size_t count) {
  if (count != 2) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  for (size_t piece = 1; piece <= fields[0].len + 1; piece++) {
    struct messages messages = {.len = 0};
    uint64_t number = 0;
    struct mtasts_mbox *mbox = mtasts_mbox_new(take, &messages);
    for (size_t at = 0; at < fields[0].len; at += piece) {
      size_t len = fields[0].len - at < piece ? fields[0].len - at : piece;
      CU_ASSERT(mtasts_mbox_feed(mbox, (struct mtasts_span){fields[0].data + at, len}));
    }
    CU_ASSERT(mtasts_mbox_end(mbox, &number));
    mtasts_mbox_free(mbox);
    unit_check(messages.len == fields[1].len &&
                   memcmp(messages.text, fields[1].data, messages.len) == 0,
               "line %u, pieces of %zu: got %.*s", line, piece, (int)messages.len, messages.text);
    unit_check(number == messages.count, "line %u: counted", line);
  }
}

static void vectors(void) {
  unit_vectors("tests/data/report/mbox.tsv", 14, check);
}

/* A message that is too large is named, and the next one is read. */
static void too_large(void) {
  static const char first[] = "From a\nX: 1\n\n";
  static const char second[] = "\n\nFrom b\nX: 2\n";
  static const bool lines[] = {true, false};
  for (size_t i = 0; i < 2; i++) {
    struct messages messages = {.len = 0};
    struct mtasts_mbox *mbox = mtasts_mbox_new(take, &messages);
    static char chunk[1 << 16];
    uint64_t number = 0;
    memset(chunk, lines[i] ? '\n' : 'x', sizeof chunk);
    mtasts_mbox_feed(mbox, (struct mtasts_span){first, sizeof first - 1});
    for (size_t fed = 0; fed <= MTASTS_MBOX_MESSAGE_MAX; fed += sizeof chunk)
      mtasts_mbox_feed(mbox, (struct mtasts_span){chunk, sizeof chunk});
    mtasts_mbox_feed(mbox, (struct mtasts_span){second, sizeof second - 1});
    CU_ASSERT(mtasts_mbox_end(mbox, &number));
    mtasts_mbox_free(mbox);
    unit_check(number == 2 && messages.too_large == 1, "%d: %d messages, %d too large", lines[i],
               (int)number, (int)messages.too_large);
    unit_check(messages.len == 7 && memcmp(messages.text, "<X: 2\n>", 7) == 0, "%d: the second",
               lines[i]);
  }
}

const struct unit_test unit_tests[] = {
    {"the messages of an mbox, however it is read", vectors},
    {"a message that is too large", too_large},
    {NULL, NULL},
};
