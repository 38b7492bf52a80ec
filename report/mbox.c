#include "mbox.h"

#include <stdlib.h>

#include "mail.h"
#include "span.h"

/* Bytes that grow up to MTASTS_MBOX_MESSAGE_MAX. */
struct bytes {
  char *data;
  size_t len, capacity;
  bool too_long; /* what did not fit was left out */
};

struct mtasts_mbox {
  mtasts_mbox_fn *message;
  void *context;
  uint64_t number;     /* of the message that is being collected; 0 before the first */
  bool after_empty;    /* the next line may be a `From ` line */
  bool separator_kept; /* `separator` holds a `From ` line; the next line decides about it */
  struct bytes separator;
  struct bytes line; /* of which the end has not arrived yet */
  struct bytes body; /* of the message */
};

struct mtasts_mbox *mtasts_mbox_new(mtasts_mbox_fn *message, void *context) {
  struct mtasts_mbox *mbox = calloc(1, sizeof *mbox);
  if (mbox)
    *mbox = (struct mtasts_mbox){.message = message, .context = context, .after_empty = true};
  return mbox;
}

void mtasts_mbox_free(struct mtasts_mbox *mbox) {
  if (!mbox)
    return;
  free(mbox->separator.data);
  free(mbox->line.data);
  free(mbox->body.data);
  free(mbox);
}

static bool append(struct bytes *to, struct mtasts_span bytes) {
  if (to->too_long || bytes.len > MTASTS_MBOX_MESSAGE_MAX - to->len) {
    to->too_long = true;
    return true;
  }
  if (bytes.len > to->capacity - to->len) {
    size_t capacity = to->capacity ? to->capacity : 4096;
    while (capacity < to->len + bytes.len)
      capacity *= 2;
    char *grown = realloc(to->data, capacity);
    if (!grown)
      return false;
    to->data = grown;
    to->capacity = capacity;
  }
  if (bytes.len > 0)
    memcpy(to->data + to->len, bytes.data, bytes.len);
  to->len += bytes.len;
  return true;
}

static void empty(struct bytes *bytes) {
  bytes->len = 0;
  bytes->too_long = false;
}

static void hand_over(struct mtasts_mbox *mbox) {
  struct mtasts_span message = {mbox->body.data ? mbox->body.data : "", mbox->body.len};
  if (mbox->body.too_long)
    message = (struct mtasts_span){NULL, 0};
  if (mbox->number > 0)
    mbox->message(mbox->context, mbox->number, message);
  empty(&mbox->body);
}

/* Adds to the message that is being collected; what stands before the first one is no message. */
static bool add(struct mtasts_mbox *mbox, struct mtasts_span bytes) {
  return mbox->number == 0 || append(&mbox->body, bytes);
}

static struct mtasts_span unquoted(struct mtasts_span line) {
  struct mtasts_span rest = line;
  while (mtasts_span_take(&rest, '>'))
    ;
  if (rest.len < line.len && mtasts_span_starts(rest, MTASTS_SPAN("From ")))
    mtasts_span_drop(&line, 1);
  return line;
}

static bool take_line(struct mtasts_mbox *mbox, struct mtasts_span line) {
  bool after_empty = mbox->after_empty;
  mbox->after_empty =
      line.len == 0 || line.data[0] == '\n' || mtasts_span_equal(line, MTASTS_SPAN("\r\n"));
  if (mbox->separator_kept) {
    mbox->separator_kept = false;
    if (mtasts_mail_begins(line)) {
      hand_over(mbox);
      mbox->number++;
    } else if (!add(mbox, (struct mtasts_span){mbox->separator.data, mbox->separator.len})) {
      return false;
    }
  } else if (after_empty && mtasts_span_starts(line, MTASTS_SPAN("From "))) {
    mbox->separator_kept = true;
    empty(&mbox->separator);
    return append(&mbox->separator, line);
  }
  return add(mbox, unquoted(line));
}

/* A line that is longer than a message makes its message too long. */
static bool end_line(struct mtasts_mbox *mbox) {
  struct mtasts_span line = {mbox->line.data, mbox->line.len};
  if (mbox->line.too_long && mbox->number > 0)
    mbox->body.too_long = true;
  bool done = mbox->line.len == 0 || take_line(mbox, line);
  empty(&mbox->line);
  return done;
}

bool mtasts_mbox_feed(struct mtasts_mbox *mbox, struct mtasts_span bytes) {
  while (bytes.len > 0) {
    const char *end = memchr(bytes.data, '\n', bytes.len);
    struct mtasts_span line = {bytes.data, end ? (size_t)(end - bytes.data) + 1 : bytes.len};
    mtasts_span_drop(&bytes, line.len);
    if (end && mbox->line.len == 0) {
      if (!take_line(mbox, line))
        return false;
    } else if (!append(&mbox->line, line) || (end && !end_line(mbox))) {
      return false;
    }
  }
  return true;
}

bool mtasts_mbox_end(struct mtasts_mbox *mbox, uint64_t *messages) {
  if (!end_line(mbox))
    return false;
  if (mbox->separator_kept &&
      !add(mbox, (struct mtasts_span){mbox->separator.data, mbox->separator.len}))
    return false;
  hand_over(mbox);
  *messages = mbox->number;
  return true;
}
