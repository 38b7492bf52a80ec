#include "mime.h"

#include "span.h"
#include "transfer.h"

enum {
  DASHES = 2,          /* that begin a delimiter line */
  PIECES_MAX = 100,    /* of a boundary; each is looked for by its own */
  FIELD_MAX = 1 << 16, /* bytes of a Content-Type; what follows is not read */
  WHOLE = -1,          /* a parameter that is not one of several pieces */
};

/* Letter case of ASCII ignored. */
bool mtasts_mime_equal(struct mtasts_span a, struct mtasts_span b) {
  if (a.len != b.len)
    return false;
  for (size_t i = 0; i < a.len; i++)
    if (mtasts_lower(a.data[i]) != mtasts_lower(b.data[i]))
      return false;
  return true;
}

/* lexical parts of a structured field, RFC 5322 section 3.2 */

/* Skips a comment, which may hold others; its `(` is in front. */
static void skip_comment(struct mtasts_span *text) {
  size_t depth = 0;
  while (text->len > 0) {
    char c = text->data[0];
    mtasts_span_drop(text, c == '\\' && text->len > 1 ? 2 : 1);
    if (c == '(')
      depth++;
    else if (c == ')' && --depth == 0)
      return;
  }
}

static void skip_space(struct mtasts_span *text) {
  while (text->len > 0) {
    char c = text->data[0];
    if (c == '(')
      skip_comment(text);
    else if (mtasts_is_wsp(c) || c == '\r' || c == '\n')
      mtasts_span_drop(text, 1);
    else
      return;
  }
}

/* RFC 2045 section 5.1: anything visible but the specials. `/` and `=` are let through, as some
 * senders do not quote boundaries that hold them. */
static bool is_token_char(char c) {
  return mtasts_is_visible(c) && c != ';' && c != '"' && c != '(' && c != ')' && c != ',';
}

static struct mtasts_span take_while(struct mtasts_span *text, char end) {
  struct mtasts_span token = {text->data, 0};
  while (text->len > 0 && is_token_char(text->data[0]) && text->data[0] != end) {
    mtasts_span_drop(text, 1);
    token.len++;
  }
  return token;
}

/* RFC 2231 section 4: `%` and two hexadecimal digits in front are a byte. */
static bool take_percent(struct mtasts_span *text, char *byte) {
  if (text->len < 3 || text->data[0] != '%')
    return false;
  unsigned high = mtasts_hex_value(text->data[1]);
  unsigned low = mtasts_hex_value(text->data[2]);
  if (high > 15 || low > 15)
    return false;
  *byte = (char)(high << 4 | low);
  mtasts_span_drop(text, 3);
  return true;
}

/* Adds a value, quoted or not, to the boundary if it is wanted; a boundary that gets too long is
 * cut. */
static void take_value(struct mtasts_span *text, struct mtasts_mime_type *type, bool wanted,
                       bool extended) {
  bool quoted = mtasts_span_take(text, '"');
  while (text->len > 0) {
    char c = text->data[0];
    if (quoted ? c == '"' : !is_token_char(c))
      break;
    if (quoted && c == '\\' && text->len > 1) {
      mtasts_span_drop(text, 1);
      c = text->data[0];
    }
    if (!extended || !take_percent(text, &c))
      mtasts_span_drop(text, 1);
    if (wanted && c != '\r' && c != '\n' && type->delimiter_len < sizeof type->delimiter)
      type->delimiter[type->delimiter_len++] = c;
  }
  if (quoted)
    mtasts_span_take(text, '"');
}

/* RFC 2231: `boundary*0`, `boundary*1*` … are pieces of the value; an extended one, whose name ends
 * in `*`, has `%` escapes. */
struct parameter {
  bool boundary, extended;
  int piece; /* WHOLE if it is not one of several */
};

static struct parameter take_name(struct mtasts_span *text) {
  struct parameter parameter = {.piece = WHOLE};
  struct mtasts_span name = take_while(text, '=');
  struct mtasts_span base;
  parameter.extended = name.len > 0 && name.data[name.len - 1] == '*';
  if (parameter.extended)
    name.len--;
  bool piece = mtasts_span_cut(&name, '*', &base);
  parameter.boundary = mtasts_mime_equal(base, MTASTS_SPAN("boundary")) &&
                       (!piece || (mtasts_span_is_digits(name) && name.len <= 3));
  if (piece)
    parameter.piece = 0;
  for (size_t i = 0; parameter.boundary && piece && i < name.len; i++)
    parameter.piece = parameter.piece * 10 + (name.data[i] - '0');
  return parameter;
}

/* The charset and the language of the first piece end at its second `'`. */
static void drop_charset(struct mtasts_mime_type *type) {
  struct mtasts_span value = {type->delimiter + DASHES, type->delimiter_len - DASHES};
  struct mtasts_span charset;
  struct mtasts_span language;
  if (!mtasts_span_cut(&value, '\'', &charset) || !mtasts_span_cut(&value, '\'', &language))
    return;
  memmove(type->delimiter + DASHES, value.data, value.len);
  type->delimiter_len = DASHES + value.len;
}

/* Adds that piece of the boundary to the delimiter. Returns false if there is none. */
static bool add_piece(struct mtasts_span text, int piece, struct mtasts_mime_type *type) {
  while (text.len > 0) {
    size_t before = text.len;
    skip_space(&text);
    while (mtasts_span_take(&text, ';'))
      skip_space(&text);
    struct parameter parameter = take_name(&text);
    bool wanted = parameter.boundary && parameter.piece == piece;
    skip_space(&text);
    if (mtasts_span_take(&text, '=')) {
      skip_space(&text);
      take_value(&text, type, wanted, parameter.extended);
      if (wanted && parameter.extended && piece <= 0)
        drop_charset(type);
      if (wanted)
        return true;
    }
    if (text.len == before)
      mtasts_span_drop(&text, 1);
  }
  return false;
}

static void read_boundary(struct mtasts_span parameters, struct mtasts_mime_type *type) {
  type->delimiter_len = DASHES;
  memcpy(type->delimiter, "--", DASHES);
  if (!add_piece(parameters, WHOLE, type))
    for (int piece = 0; piece < PIECES_MAX && add_piece(parameters, piece, type);)
      piece++;
  /* A delimiter line is compared without the white space behind it. */
  while (type->delimiter_len > DASHES && mtasts_is_wsp(type->delimiter[type->delimiter_len - 1]))
    type->delimiter_len--;
}

void mtasts_mime_type(struct mtasts_span body, struct mtasts_mime_type *type) {
  *type = (struct mtasts_mime_type){.kind = MTASTS_MIME_LEAF};
  if (body.len > FIELD_MAX)
    body.len = FIELD_MAX;
  skip_space(&body);
  struct mtasts_span main_type = take_while(&body, '/');
  skip_space(&body);
  if (!mtasts_span_take(&body, '/'))
    return;
  skip_space(&body);
  struct mtasts_span subtype = take_while(&body, ';');
  if (mtasts_mime_equal(main_type, MTASTS_SPAN("message")) &&
      (mtasts_mime_equal(subtype, MTASTS_SPAN("rfc822")) ||
       mtasts_mime_equal(subtype, MTASTS_SPAN("global"))))
    type->kind = MTASTS_MIME_MESSAGE;
  if (!mtasts_mime_equal(main_type, MTASTS_SPAN("multipart")))
    return;
  type->digest = mtasts_mime_equal(subtype, MTASTS_SPAN("digest")); /* RFC 2046 section 5.1.5 */
  read_boundary(body, type);
  if (type->delimiter_len > DASHES)
    type->kind = MTASTS_MIME_MULTIPART;
}

enum mtasts_mime_encoding mtasts_mime_encoding(struct mtasts_span body) {
  skip_space(&body);
  mtasts_span_take(&body, '"');
  struct mtasts_span name = take_while(&body, ';');
  if (mtasts_mime_equal(name, MTASTS_SPAN("base64")))
    return MTASTS_MIME_BASE64;
  return mtasts_mime_equal(name, MTASTS_SPAN("quoted-printable")) ? MTASTS_MIME_QUOTED_PRINTABLE
                                                                  : MTASTS_MIME_IDENTITY;
}
