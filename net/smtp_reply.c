#include "smtp_reply.h"

#include "ascii.h"

enum {
  CODE = 3, /* digits */
};

static void fail(struct mtasts_smtp_reply *reply, const char *why) {
  reply->state = MTASTS_SMTP_REPLY_BAD;
  reply->why = why;
}

/* Can a reply line have this byte at this place? RFC 5321 section 4.2: 2 to 5, 0 to 9 (newer codes
 * go beyond 5), a digit, then a space, a hyphen or the end. */
static bool fits(size_t at, char c) {
  if (at == 0)
    return c >= '2' && c <= '5';
  return at < CODE ? mtasts_is_digit(c) : c == ' ' || c == '-' || c == '\r';
}

/* Does the line, of which `head` holds the beginning, have the keyword STARTTLS? */
static bool has_starttls(const struct mtasts_smtp_reply *reply, size_t length) {
  static const char keyword[] = "STARTTLS";
  enum {
    SIZE = sizeof keyword - 1
  };
  size_t end = CODE + 1 + SIZE;
  if (length < end || (length > end && !mtasts_is_wsp(reply->head[end])))
    return false;
  return mtasts_span_equal_nocase((struct mtasts_span){reply->head + CODE + 1, SIZE},
                                  (struct mtasts_span){keyword, SIZE});
}

static void end_line(struct mtasts_smtp_reply *reply) {
  size_t length = reply->length;
  if (length > 0 && length <= sizeof reply->last && reply->last[length - 1] == '\r')
    length--;
  if (length < CODE) {
    fail(reply, "a line is no SMTP reply");
    return;
  }
  bool last = length == CODE || reply->head[CODE] != '-';
  if (length < reply->last_length)
    reply->last_length = length;
  if (reply->lines > 0 && has_starttls(reply, length))
    reply->starttls = true;
  reply->lines++;
  reply->length = 0;
  reply->code = (unsigned)(reply->head[0] - '0') * 100 + (unsigned)(reply->head[1] - '0') * 10 +
                (unsigned)(reply->head[2] - '0');
  if (last)
    reply->state = MTASTS_SMTP_REPLY_WHOLE;
  else if (reply->lines >= MTASTS_SMTP_LINES_MAX)
    fail(reply, "a reply has too many lines");
}

static void take(struct mtasts_smtp_reply *reply, char c) {
  reply->bytes++;
  if (c == '\n') {
    end_line(reply);
    return;
  }
  if (reply->length <= CODE && !fits(reply->length, c)) {
    fail(reply, "what came is no SMTP reply");
  } else if (reply->length >= MTASTS_SMTP_LINE_MAX) {
    fail(reply, "a line of a reply is too long");
  } else if (reply->bytes >= MTASTS_SMTP_REPLY_MAX) {
    fail(reply, "a reply is too long");
  }
  if (reply->length < sizeof reply->head)
    reply->head[reply->length] = c;
  if (reply->length < sizeof reply->last) {
    reply->last[reply->length] = c;
    reply->last_length = reply->length + 1;
  }
  reply->length++;
}

size_t mtasts_smtp_reply_read(struct mtasts_smtp_reply *reply, const char *bytes, size_t size) {
  size_t at = 0;
  while (at < size && reply->state == MTASTS_SMTP_REPLY_MORE)
    take(reply, bytes[at++]);
  return at;
}
