/*
 * mail.h: the leaves of a mail message (RFC 5322, RFC 2045, RFC 2046), decoded.
 *
 * A leaf is a part that holds no other part. The walker goes into multiparts and message/rfc822 at
 * any depth up to MTASTS_MAIL_DEPTH, and is lenient: what mail readers show, it finds. What a part
 * holds is for the caller to judge: types and names of parts are often wrong.
 *
 * Bounds: time is at most that of reading the message 16 times, and 8 MiB; memory with what is
 * decoded at once, at most MTASTS_MAIL_DECODED bytes. Pure; no mutable static data.
 */
#ifndef MTASTS_REPORT_MAIL_H
#define MTASTS_REPORT_MAIL_H

#include "mtasts.h"

enum {
  MTASTS_MAIL_DEPTH = 200,
  MTASTS_MAIL_DECODED = 20 << 20, /* bytes */
};

enum mtasts_mail {
  MTASTS_MAIL_OK,
  MTASTS_MAIL_TOO_DEEP,  /* parts below MTASTS_MAIL_DEPTH were left out */
  MTASTS_MAIL_TOO_LARGE, /* parts inside of encoded parts need more memory than is allowed */
  MTASTS_MAIL_NO_MEMORY,
};

/* The bytes are the walker's, and last for the call. inner: they are in a message in the message.
 */
typedef void mtasts_mail_leaf_fn(void *context, struct mtasts_span bytes, bool inner);

/* Calls back for each leaf in order. What could not be read is left out, the rest goes on; the
 * status is that of the last part left out. */
enum mtasts_mail mtasts_mail_leaves(struct mtasts_span message, mtasts_mail_leaf_fn *leaf,
                                    void *context);

/* Does the text begin with a header field: a name (RFC 5322 section 3.6.8) and a colon? A
 * `{` begins JSON. */
bool mtasts_mail_begins(struct mtasts_span text);

/* The body of the first header field of that name (letter case ignored), still folded, as part of
 * the message. Returns false if there is none. */
bool mtasts_mail_field(struct mtasts_span message, const char *name, struct mtasts_span *body);

/* The same for one field after another: *rest is the message at first, and becomes what follows the
 * field. */
bool mtasts_mail_next_field(struct mtasts_span *rest, const char *name, struct mtasts_span *body);

#endif
