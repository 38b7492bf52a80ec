#include "mail.h"

#include <stdlib.h>

#include "mime.h"
#include "span.h"
#include "transfer.h"

/* Each level of multiparts is searched again: so many bytes at most, in sum. */
enum {
  WORK_FACTOR = 16,
  WORK_FIRST = 8 << 20,
};

struct walk {
  mtasts_mail_leaf_fn *leaf;
  void *context;
  size_t inner;   /* messages around what is walked, but for the outermost */
  size_t decoded; /* bytes that decoded parts hold now */
  size_t work;    /* bytes of multiparts that may still be searched for delimiters */
  enum mtasts_mail status;
};

static void walk_part(struct walk *walk, struct mtasts_span part, enum mtasts_mime_kind kind,
                      unsigned depth);

/* header */

static size_t name_length(struct mtasts_span line) {
  size_t length = 0;
  while (length < line.len && mtasts_is_visible(line.data[length]) && line.data[length] != ':')
    length++;
  return length;
}

/* The name of the field that the line begins, and what follows its colon. */
static bool split_field(struct mtasts_span line, struct mtasts_span *name,
                        struct mtasts_span *body) {
  name->data = line.data;
  name->len = name_length(line);
  *body = line;
  mtasts_span_drop(body, name->len);
  mtasts_span_skip_wsp(body);
  return name->len > 0 && mtasts_span_take(body, ':');
}

bool mtasts_mail_begins(struct mtasts_span text) {
  struct mtasts_span name;
  struct mtasts_span body;
  return text.len > 0 && text.data[0] != '{' && split_field(text, &name, &body);
}

/* Takes one field, with the lines that go on with it. Returns false at the end of the header, whose
 * empty line is dropped. */
static bool take_field(struct mtasts_span *rest, struct mtasts_span *field) {
  struct mtasts_span line;
  if (rest->len == 0)
    return false;
  const char *start = rest->data;
  mtasts_span_cut(rest, '\n', &line);
  if (line.len == 0 || (line.len == 1 && line.data[0] == '\r'))
    return false;
  while (rest->len > 0 && mtasts_is_wsp(rest->data[0]))
    mtasts_span_cut(rest, '\n', &line);
  *field = (struct mtasts_span){start, (size_t)(line.data + line.len - start)};
  return true;
}

bool mtasts_mail_next_field(struct mtasts_span *rest, const char *name, struct mtasts_span *body) {
  struct mtasts_span wanted = {name, strlen(name)};
  struct mtasts_span field;
  struct mtasts_span found;
  while (take_field(rest, &field))
    if (split_field(field, &found, body) && mtasts_mime_equal(found, wanted))
      return true;
  return false;
}

bool mtasts_mail_field(struct mtasts_span message, const char *name, struct mtasts_span *body) {
  return mtasts_mail_next_field(&message, name, body);
}

/* bodies */

/* Was the encoding really applied to the text, though it holds parts as it is? In a header that is
 * quoted-printable each `=` is `=3D`. */
static bool header_is_quoted(struct mtasts_span text) {
  const char *end = memmem(text.data, text.len, "\n\n", 2);
  if (!end)
    end = memmem(text.data, text.len, "\n\r\n", 3);
  size_t len = end ? (size_t)(end - text.data) : text.len;
  return memmem(text.data, len, "=3D", 3) != NULL;
}

/* A message in a message may begin with the `From ` line of an mbox, and with empty lines. */
static void drop_before_header(struct mtasts_span *message) {
  struct mtasts_span text = *message;
  struct mtasts_span line;
  mtasts_span_take(&text, '>');
  if (mtasts_span_starts(text, MTASTS_SPAN("From ")))
    mtasts_span_cut(&text, '\n', &line);
  else
    text = *message;
  while (text.len > 0 && (text.data[0] == '\r' || text.data[0] == '\n'))
    mtasts_span_drop(&text, 1);
  if (mtasts_mail_begins(text))
    *message = text;
}

/* Cuts the text at the next delimiter line of the boundary, and drops that line. *part is what
 * stands before it, without the line end that belongs to the delimiter (RFC 2046 section 5.1.1).
 * *last: it was the closing delimiter. Returns false, and *part is all, if there is none. */
static bool cut_part(struct mtasts_span *text, const struct mtasts_mime_type *type,
                     struct mtasts_span *part, bool *last) {
  struct mtasts_span rest = *text;
  const char *dashes;
  while (rest.len >= type->delimiter_len &&
         (dashes = memmem(rest.data, rest.len, type->delimiter, type->delimiter_len))) {
    mtasts_span_drop(&rest, (size_t)(dashes - rest.data) + type->delimiter_len);
    if (dashes > text->data && dashes[-1] != '\n')
      continue;
    struct mtasts_span end = rest;
    *last = mtasts_span_starts(end, MTASTS_SPAN("--"));
    mtasts_span_drop(&end, *last ? 2 : 0);
    mtasts_span_skip_wsp(&end);
    mtasts_span_take(&end, '\r');
    if (end.len > 0 && !mtasts_span_take(&end, '\n'))
      continue;
    *part = (struct mtasts_span){text->data, (size_t)(dashes - text->data)};
    if (part->len > 0)
      part->len--;
    if (part->len > 0 && part->data[part->len - 1] == '\r')
      part->len--;
    *text = end;
    return true;
  }
  *part = *text;
  mtasts_span_drop(text, text->len);
  return false;
}

/* Returns false if the body has no delimiter line. The last closing one may be missing. */
static bool walk_multipart(struct walk *walk, const struct mtasts_mime_type *type,
                           struct mtasts_span body, unsigned depth) {
  struct mtasts_span part;
  bool last = false;
  if (body.len > walk->work) {
    walk->status = MTASTS_MAIL_TOO_DEEP;
    return true;
  }
  walk->work -= body.len;
  if (!cut_part(&body, type, &part, &last)) /* the preamble */
    return false;
  while (!last && body.len > 0) {
    cut_part(&body, type, &part, &last);
    walk_part(walk, part, type->digest ? MTASTS_MIME_MESSAGE : MTASTS_MIME_LEAF, depth + 1);
  }
  return true;
}

static void walk_body(struct walk *walk, const struct mtasts_mime_type *type,
                      enum mtasts_mime_encoding encoding, struct mtasts_span body, unsigned depth);

static void walk_decoded(struct walk *walk, const struct mtasts_mime_type *type,
                         enum mtasts_mime_encoding encoding, struct mtasts_span body,
                         unsigned depth) {
  if (body.len > MTASTS_MAIL_DECODED - walk->decoded) {
    walk->status = MTASTS_MAIL_TOO_LARGE;
    return;
  }
  char *bytes = malloc(body.len + 1);
  if (!bytes) {
    walk->status = MTASTS_MAIL_NO_MEMORY;
    return;
  }
  walk->decoded += body.len;
  size_t size = encoding == MTASTS_MIME_BASE64 ? mtasts_base64_decode(body, bytes)
                                               : mtasts_quoted_printable_decode(body, bytes);
  walk_body(walk, type, MTASTS_MIME_IDENTITY, (struct mtasts_span){bytes, size}, depth);
  walk->decoded -= body.len;
  free(bytes);
}

/* RFC 2046 lets no multipart and no message be encoded, but mailing tools encode them, or name an
 * encoding that they did not apply. So it is decoded only if it does not hold parts as it is, or if
 * they are quoted-printable to the eye. */
static void walk_body(struct walk *walk, const struct mtasts_mime_type *type,
                      enum mtasts_mime_encoding encoding, struct mtasts_span body, unsigned depth) {
  bool quoted = encoding == MTASTS_MIME_QUOTED_PRINTABLE && type->kind != MTASTS_MIME_LEAF &&
                header_is_quoted(body);
  if (quoted) {
    walk_decoded(walk, type, encoding, body, depth);
    return;
  }
  if (type->kind == MTASTS_MIME_MULTIPART && walk_multipart(walk, type, body, depth))
    return;
  if (type->kind == MTASTS_MIME_MESSAGE)
    drop_before_header(&body);
  if (type->kind == MTASTS_MIME_MESSAGE && mtasts_mail_begins(body)) {
    walk->inner++;
    walk_part(walk, body, MTASTS_MIME_LEAF, depth + 1);
    walk->inner--;
  } else if (encoding != MTASTS_MIME_IDENTITY) {
    walk_decoded(walk, type, encoding, body, depth);
  } else {
    walk->leaf(walk->context, body, walk->inner > 0);
  }
}

/* kind: what the part is if it does not say. */
static void walk_part(struct walk *walk, struct mtasts_span part, enum mtasts_mime_kind kind,
                      unsigned depth) {
  struct mtasts_mime_type type = {.kind = kind};
  enum mtasts_mime_encoding encoding = MTASTS_MIME_IDENTITY;
  bool typed = false;
  bool encoded = false;
  struct mtasts_span field;
  struct mtasts_span name;
  struct mtasts_span body;
  if (depth > MTASTS_MAIL_DEPTH) {
    walk->status = MTASTS_MAIL_TOO_DEEP;
    return;
  }
  while (take_field(&part, &field)) {
    if (!split_field(field, &name, &body))
      continue;
    if (!typed && mtasts_mime_equal(name, MTASTS_SPAN("Content-Type"))) {
      mtasts_mime_type(body, &type);
      typed = true;
    } else if (!encoded && mtasts_mime_equal(name, MTASTS_SPAN("Content-Transfer-Encoding"))) {
      encoding = mtasts_mime_encoding(body);
      encoded = true;
    }
  }
  walk_body(walk, &type, encoding, part, depth);
}

enum mtasts_mail mtasts_mail_leaves(struct mtasts_span message, mtasts_mail_leaf_fn *leaf,
                                    void *context) {
  struct walk walk = {
      .leaf = leaf,
      .context = context,
      .work = WORK_FACTOR * message.len + WORK_FIRST,
      .status = MTASTS_MAIL_OK,
  };
  walk_part(&walk, message, MTASTS_MIME_LEAF, 0);
  return walk.status;
}
