/*
 * mime.h: Content-Type and Content-Transfer-Encoding of a mail part (RFC 2045, parameters also as
 * RFC 2231 writes them): what the walker of parts needs of them, read leniently. Pure.
 */
#ifndef MTASTS_REPORT_MIME_H
#define MTASTS_REPORT_MIME_H

#include "mtasts.h"

enum {
  MTASTS_BOUNDARY_MAX = 998, /* bytes; RFC 2046 allows 70, a line of mail has 998 */
};

enum mtasts_mime_kind {
  MTASTS_MIME_LEAF,
  MTASTS_MIME_MULTIPART, /* with a boundary */
  MTASTS_MIME_MESSAGE,   /* message/rfc822, message/global */
};

enum mtasts_mime_encoding {
  MTASTS_MIME_IDENTITY, /* 7bit, 8bit, binary, none, and what is not known */
  MTASTS_MIME_BASE64,
  MTASTS_MIME_QUOTED_PRINTABLE,
};

struct mtasts_mime_type {
  enum mtasts_mime_kind kind;
  bool digest;          /* a multipart whose parts are messages if they do not say otherwise */
  size_t delimiter_len; /* of a multipart */
  char delimiter[2 + MTASTS_BOUNDARY_MAX]; /* `--` and the boundary */
};

/* Both read the body of a header field, which may be folded and hold comments. */
void mtasts_mime_type(struct mtasts_span body, struct mtasts_mime_type *type);
enum mtasts_mime_encoding mtasts_mime_encoding(struct mtasts_span body);

/* Equal, letter case of ASCII ignored? */
bool mtasts_mime_equal(struct mtasts_span a, struct mtasts_span b);

#endif
