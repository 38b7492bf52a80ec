/*
 * mbox.h: the messages of an mbox (RFC 4155, quoting as mboxrd), however long the mbox is.
 *
 * A message begins at a line `From ` that is the first line or follows an empty one, and that is
 * followed by a header field. Such a line without a header field belongs to the message before.
 * `>From ` with any number of `>` loses one of them.
 *
 * The bytes are handed in as they are read. Memory: one message, at most MTASTS_MBOX_MESSAGE_MAX.
 */
#ifndef MTASTS_REPORT_MBOX_H
#define MTASTS_REPORT_MBOX_H

#include "mtasts.h"

enum {
  MTASTS_MBOX_MESSAGE_MAX = 20 << 20, /* bytes */
};

struct mtasts_mbox;

/* message: its bytes, which last for the call; NULL data if it is longer than the bound. number
 * counts from 1. */
typedef void mtasts_mbox_fn(void *context, uint64_t number, struct mtasts_span message);

/* NULL without memory. */
struct mtasts_mbox *mtasts_mbox_new(mtasts_mbox_fn *message, void *context);

/* Returns false without memory; then the mbox can only be freed. */
bool mtasts_mbox_feed(struct mtasts_mbox *mbox, struct mtasts_span bytes);

/* Hands over the last message, and says how many there were. */
bool mtasts_mbox_end(struct mtasts_mbox *mbox, uint64_t *messages);

void mtasts_mbox_free(struct mtasts_mbox *mbox);

#endif
