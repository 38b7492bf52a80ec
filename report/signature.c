#include "signature.h"

#include "mail.h"
#include "mime.h"
#include "span.h"

/* lexical parts of RFC 8601 section 2.2 */

static bool is_space(char c) {
  return mtasts_is_wsp(c) || c == '\r' || c == '\n';
}

/* Skips white space and comments. */
static void skip(struct mtasts_span *text) {
  size_t depth = 0;
  while (text->len > 0) {
    char c = text->data[0];
    if (c == '(')
      depth++;
    else if (c == ')' && depth > 0)
      depth--;
    else if (depth == 0 && !is_space(c))
      return;
    mtasts_span_drop(text, c == '\\' && depth > 0 && text->len > 1 ? 2 : 1);
  }
}

/* A word up to white space, `;`, `=` or a comment; or what stands in quotes, as it stands there. */
static struct mtasts_span take_word(struct mtasts_span *text) {
  struct mtasts_span word = {text->data, 0};
  if (mtasts_span_take(text, '"')) {
    if (!mtasts_span_cut(text, '"', &word))
      mtasts_span_drop(text, text->len);
    return word;
  }
  while (text->len > 0 && !is_space(text->data[0]) && text->data[0] != ';' &&
         text->data[0] != '=' && text->data[0] != '(') {
    mtasts_span_drop(text, 1);
    word.len++;
  }
  return word;
}

/* `name = value`, with white space and comments anywhere. Returns false if there is none; then at
 * least something is dropped. */
static bool take_pair(struct mtasts_span *text, struct mtasts_span *name,
                      struct mtasts_span *value) {
  size_t before = text->len;
  skip(text);
  *name = take_word(text);
  skip(text);
  bool pair = name->len > 0 && mtasts_span_take(text, '=');
  if (pair) {
    skip(text);
    *value = take_word(text);
  }
  if (text->len == before)
    mtasts_span_drop(text, 1);
  return pair;
}

/* fields */

/* Is the name the domain, or below it? The domain has two labels at least. */
static bool below(struct mtasts_span name, struct mtasts_span domain) {
  if (domain.len == 0 || domain.len > name.len || !memchr(domain.data, '.', domain.len))
    return false;
  struct mtasts_span end = {name.data + name.len - domain.len, domain.len};
  return mtasts_mime_equal(end, domain) && (name.len == domain.len || end.data[-1] == '.');
}

/* One result, as `dkim=pass header.d=example.com`: up to the next `;`. */
static bool is_pass(struct mtasts_span *field, struct mtasts_span submitter) {
  struct mtasts_span name;
  struct mtasts_span value;
  bool dkim = take_pair(field, &name, &value) && mtasts_mime_equal(name, MTASTS_SPAN("dkim")) &&
              mtasts_mime_equal(value, MTASTS_SPAN("pass"));
  bool submits = false;
  for (skip(field); field->len > 0 && !mtasts_span_take(field, ';'); skip(field)) {
    struct mtasts_span user;
    if (!take_pair(field, &name, &value))
      continue;
    if (mtasts_mime_equal(name, MTASTS_SPAN("header.i")))
      while (memchr(value.data, '@', value.len) && mtasts_span_cut(&value, '@', &user))
        ;
    else if (!mtasts_mime_equal(name, MTASTS_SPAN("header.d")))
      continue;
    submits |= below(submitter, value);
  }
  return dkim && submits;
}

static bool any_pass(struct mtasts_span results, struct mtasts_span submitter) {
  while (results.len > 0)
    if (is_pass(&results, submitter))
      return true;
  return false;
}

/* The results of a field; returns false if it is another host's. */
static bool results_of(struct mtasts_span body, struct mtasts_span authserv_id,
                       struct mtasts_span *results) {
  skip(&body);
  struct mtasts_span id = take_word(&body);
  if (authserv_id.len > 0 && !mtasts_mime_equal(id, authserv_id))
    return false;
  /* A version may follow. A `;` in a comment ends nothing. */
  for (skip(&body); body.len > 0 && !mtasts_span_take(&body, ';'); skip(&body))
    mtasts_span_drop(&body, 1);
  *results = body;
  return true;
}

static struct mtasts_span submitter_of(struct mtasts_span message) {
  struct mtasts_span body;
  if (!mtasts_mail_field(message, "TLS-Report-Submitter", &body))
    return MTASTS_SPAN("");
  skip(&body);
  struct mtasts_span submitter = take_word(&body);
  if (submitter.len > 1 && submitter.data[submitter.len - 1] == '.')
    submitter.len--;
  return submitter;
}

struct mtasts_signature mtasts_signature_read(struct mtasts_span message,
                                              struct mtasts_span authserv_id) {
  struct mtasts_signature signature = {MTASTS_SIGNED_UNKNOWN, submitter_of(message)};
  struct mtasts_span body;
  struct mtasts_span results;
  if (signature.submitter.len == 0)
    return signature;
  for (struct mtasts_span rest = message;
       mtasts_mail_next_field(&rest, "Authentication-Results", &body);)
    if (results_of(body, authserv_id, &results)) {
      signature.found =
          any_pass(results, signature.submitter) ? MTASTS_SIGNED_YES : MTASTS_SIGNED_NO;
      break;
    }
  return signature;
}
