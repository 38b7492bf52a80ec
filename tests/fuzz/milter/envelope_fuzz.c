/* Input from a sender, one item per line: recipients' paths and values of TLS-Required. The log
 * line, the header field and the reply made from them must contain nothing harmful. */
#include <stdlib.h>

#include "ascii.h"
#include "field.h"
#include "log.h"
#include "message_format.h"
#include "recipients.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth) {
  if (!truth)
    abort();
}

/* No byte that ends a line or, in a reply, means something to an MTA. */
static void check_text(const struct mtasts_strbuf *text, const char *banned) {
  for (size_t i = 0; i < text->len; i++)
    require(text->data[i] >= ' ' && text->data[i] <= '~' && !strchr(banned, text->data[i]));
}

static size_t count_of(const char *text, char wanted) {
  size_t count = 0;
  for (; *text; text++)
    count += *text == wanted;
  return count;
}

static void check_words(struct mtasts_span domain, struct mtasts_span from) {
  struct mtasts_domain_decision decided = {.entry_reply = {.has_entry = true}, .now = 1767225600};
  char buffer[1800] = "";
  decided.decision = mtasts_entry_reply_decide(&decided.entry_reply, decided.now);
  struct mtasts_assessment assessment = mtasts_assessment_of(&decided, domain);
  struct mtasts_envelope envelope = {.queue_id = domain, .from = from};
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  mtasts_message_format_line(&envelope, &assessment, MTASTS_ACTION_NONE, &text);
  check_text(&text, "");
  text = MTASTS_STRBUF(buffer);
  require(mtasts_message_format_header(MTASTS_HEADER_SINGLE, &assessment, 1, true, false, &text));
  check_text(&text, "");
  require(count_of(buffer, ';') == 3 && count_of(buffer, '=') == 4);
  text = MTASTS_STRBUF(buffer);
  assessment.wait = true;
  mtasts_message_format_reply(&assessment, MTASTS_ACTION_TEMPFAIL, &text);
  check_text(&text, "%");
  require(!text.full && text.len <= 900);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mtasts_span rest = {(const char *)data, size};
  static const struct mtasts_strings none = {.count = 0};
  struct mtasts_recipients recipients = {.names = NULL};
  size_t lines = 0;
  while (rest.len > 0) {
    const char *line_end = memchr(rest.data, '\n', rest.len);
    struct mtasts_span line = {rest.data, line_end ? (size_t)(line_end - rest.data) : rest.len};
    (void)mtasts_field_says_no(line);
    mtasts_recipients_add(&recipients, line, false, &none);
    rest.data += line.len;
    rest.len -= line.len;
    if (rest.len > 0)
      rest.data++, rest.len--;
    lines++;
  }
  size_t count;
  struct mtasts_span *domains = mtasts_recipients_domains(&recipients, &count);
  require(count <= lines);
  for (size_t i = 0; domains && i < count; i++) {
    require(domains[i].len > 0 && domains[i].len <= MTASTS_DOMAIN_MAX);
    require(i == 0 || !mtasts_span_equal(domains[i - 1], domains[i]));
    check_words(domains[i], (struct mtasts_span){(const char *)data, size});
  }
  free(domains);
  mtasts_recipients_clear(&recipients);
  return 0;
}
