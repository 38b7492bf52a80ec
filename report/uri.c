#include "uri.h"

#include <arpa/inet.h>
#include <string.h>

#include "ascii.h"
#include "span.h"

/* RFC 3986 section 3.1. Drops the scheme and its colon. */
static bool take_scheme(struct mtasts_span *text) {
  size_t len = 0;
  while (len < text->len && (mtasts_is_alnum(text->data[len]) ||
                             (len > 0 && memchr("+-.", text->data[len], sizeof "+-." - 1))))
    len++;
  if (len == 0 || len == text->len || text->data[len] != ':' || mtasts_is_digit(text->data[0]))
    return false;
  mtasts_span_drop(text, len + 1);
  return true;
}

static bool is_hex(char c) {
  return mtasts_is_digit(c) || (mtasts_lower(c) >= 'a' && mtasts_lower(c) <= 'f');
}

/* Sections 2.1 to 2.3: no brackets here. */
static bool characters_hold(struct mtasts_span text) {
  bool fragment = false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    if (!mtasts_is_visible(c) || strchr("\"<>\\^`{|}[]", c) || (c == '#' && fragment))
      return false;
    fragment |= c == '#';
    if (c == '%' && (text.len - i < 3 || !is_hex(text.data[i + 1]) || !is_hex(text.data[i + 2])))
      return false;
  }
  return true;
}

/* Section 3.2.2: an IPv6 address in brackets. Later forms (IPvFuture) are not used. */
static bool literal_holds(struct mtasts_span text) {
  char copy[INET6_ADDRSTRLEN];
  unsigned char address[sizeof(struct in6_addr)];
  if (text.len >= sizeof copy)
    return false;
  memcpy(copy, text.data, text.len);
  copy[text.len] = '\0';
  return strlen(copy) == text.len && inet_pton(AF_INET6, copy, address) == 1;
}

/* Section 3.2.3: empty, or a colon and digits. */
static bool port_holds(struct mtasts_span text) {
  for (size_t i = 1; i < text.len; i++)
    if (!mtasts_is_digit(text.data[i]))
      return false;
  return text.len == 0 || text.data[0] == ':';
}

/* Section 3.2: a user, `@`, a host and a port. */
static bool authority_holds(struct mtasts_span text) {
  const char *at = text.len > 0 ? memchr(text.data, '@', text.len) : NULL;
  if (at) {
    struct mtasts_span user = {text.data, (size_t)(at - text.data)};
    if (!characters_hold(user))
      return false;
    mtasts_span_drop(&text, user.len + 1);
  }
  bool literal = text.len > 0 && text.data[0] == '[';
  const char *end = text.len > 0 ? memchr(text.data, literal ? ']' : ':', text.len) : NULL;
  if (literal && !end)
    return false;
  size_t len = end ? (size_t)(end - text.data) : text.len;
  struct mtasts_span host = {text.data + literal, len - literal};
  mtasts_span_drop(&text, len + literal);
  bool holds = literal
                   ? literal_holds(host)
                   : characters_hold(host) && (host.len == 0 || !memchr(host.data, '@', host.len));
  return holds && port_holds(text);
}

bool mtasts_uri_valid(struct mtasts_span text) {
  if (!take_scheme(&text) || text.len == 0)
    return false;
  if (mtasts_span_starts(text, MTASTS_SPAN("//"))) {
    size_t len = 2;
    while (len < text.len && !memchr("/?#", text.data[len], sizeof "/?#" - 1))
      len++;
    if (!authority_holds((struct mtasts_span){text.data + 2, len - 2}))
      return false;
    mtasts_span_drop(&text, len);
  }
  return characters_hold(text);
}
