#include "rua.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "ascii.h"
#include "mailbox_list.h"
#include "span.h"

bool mtasts_rua_is_uri_byte(char c) {
  return mtasts_is_alnum(c) || (c != '\0' && strchr("-._~:/?#[]@$&'()*+=%", c) != NULL);
}

static int hex_value(char c) {
  c = mtasts_lower(c);
  if (mtasts_is_digit(c))
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Drops one byte of the text, or one that is percent-encoded. Returns false if the encoding is
 * broken. */
static bool take_byte(struct mtasts_span *text, char *byte) {
  *byte = text->data[0];
  if (*byte != '%') {
    mtasts_span_drop(text, 1);
    return true;
  }
  int high = text->len > 2 ? hex_value(text->data[1]) : -1;
  int low = text->len > 2 ? hex_value(text->data[2]) : -1;
  if (high < 0 || low < 0)
    return false;
  *byte = (char)(high << 4 | low);
  mtasts_span_drop(text, 3);
  return true;
}

/* What is invalid in any URI, whatever its scheme. */
static const char *find_flaw(struct mtasts_span uri) {
  if (uri.len == 0)
    return "the URI is empty";
  for (size_t i = 0; i < uri.len; i++)
    if (uri.data[i] == '!')
      return "the URI has a \"!\", which must be written as %21";
    else if (!mtasts_rua_is_uri_byte(uri.data[i]))
      return "the URI has a byte that must be percent-encoded";
  while (uri.len > 0) {
    char byte;
    if (!take_byte(&uri, &byte))
      return "the URI has a \"%\" without two hexadecimal digits behind it";
  }
  return NULL;
}

/* What is refused here, and may be valid. */
static const char *refuse_uri(struct mtasts_span uri) {
  if (uri.len > MTASTS_RUA_MAX)
    return "the URI is longer than 2,048 bytes";
  while (uri.len > 0) {
    char byte;
    take_byte(&uri, &byte);
    if ((unsigned char)byte < ' ' || byte == '\x7f')
      return "the URI has a percent-encoded control character";
  }
  return NULL;
}

/* scheme ":" of RFC 3986 section 3.1. */
static bool take_scheme(struct mtasts_span *uri, struct mtasts_span *scheme) {
  struct mtasts_span rest = *uri;
  if (!mtasts_span_cut(&rest, ':', scheme) || scheme->len == 0)
    return false;
  for (size_t i = 0; i < scheme->len; i++) {
    char c = scheme->data[i];
    bool letter = mtasts_is_alnum(c) && !mtasts_is_digit(c);
    if (!letter && (i == 0 || (!mtasts_is_digit(c) && c != '+' && c != '-' && c != '.')))
      return false;
  }
  *uri = rest;
  return true;
}

/* Drops what follows the first `end`, and `end`. */
static void cut_at(struct mtasts_span *text, char end) {
  struct mtasts_span head;
  mtasts_span_cut(text, end, &head);
  *text = head;
}

/* RFC 6068 section 2. Header fields behind "?" are ignored: the report has its own. */
static const char *read_mailto(struct mtasts_span to, struct mtasts_rua *rua) {
  char decoded[MTASTS_RUA_MAX];
  size_t len = 0;
  struct mtasts_addr_spec address;
  cut_at(&to, '#');
  cut_at(&to, '?');
  while (to.len > 0) {
    if (len == sizeof decoded || !take_byte(&to, &decoded[len]))
      return "the address is too long";
    len++;
  }
  struct mtasts_span text = {decoded, len};
  if (len == 0)
    return "mailto: has no address";
  if (mtasts_addr_spec_parse(text, &address) != NULL) {
    if (mtasts_mailbox_list_is_valid(text, &rua->domain))
      rua->meant = MTASTS_RUA_MAILTO;
    return "mailto: has no address of a dot-atom, \"@\" and a domain name of two labels or more";
  }
  rua->meant = MTASTS_RUA_MAILTO;
  rua->domain = address.domain;
  for (size_t i = 0; i < address.local_len; i++)
    if (address.text[i] == '/' || address.text[i] == '|')
      return "the address has a \"/\" or \"|\" before its \"@\"";
  rua->kind = MTASTS_RUA_MAILTO;
  memcpy(rua->target, address.text, sizeof address.text);
  return NULL;
}

/* *DIGIT of RFC 3986 section 3.2.3: none means the default port. */
static bool read_port(struct mtasts_span text, uint16_t *port) {
  unsigned value = 0;
  if (text.len == 0) {
    *port = 443;
    return true;
  }
  if (!mtasts_span_is_digits(text))
    return false;
  for (size_t i = 0; i < text.len && value <= UINT16_MAX; i++)
    value = value * 10 + (unsigned)(text.data[i] - '0');
  *port = (uint16_t)value;
  return value >= 1 && value <= UINT16_MAX;
}

static bool is_ip_address(int family, struct mtasts_span text) {
  char copy[INET6_ADDRSTRLEN] = "";
  unsigned char address[sizeof(struct in6_addr)];
  if (text.len >= sizeof copy)
    return false;
  memcpy(copy, text.data, text.len);
  return strlen(copy) == text.len && inet_pton(family, copy, address) == 1;
}

/* reg-name of RFC 3986 section 3.2.2, which may be percent-encoded. *valid: it is a host. */
static const char *read_name(struct mtasts_span host, struct mtasts_rua *rua, bool *valid) {
  char decoded[MTASTS_DOMAIN_MAX + 2];
  size_t len = 0;
  if (mtasts_domain_parse(host, &rua->domain) == MTASTS_OK) {
    *valid = true;
    return NULL;
  }
  *valid = is_ip_address(AF_INET, host);
  if (*valid)
    return "the URI has an address instead of a host name";
  while (host.len > 0 && len < sizeof decoded && take_byte(&host, &decoded[len]))
    len++;
  *valid = host.len == 0 &&
           mtasts_domain_parse((struct mtasts_span){decoded, len}, &rua->domain) == MTASTS_OK;
  return "the URI's host is not a domain name";
}

/* Cuts the host off an authority, so that ":" and the port are left. *valid: it is a host. */
static const char *take_host(struct mtasts_span *authority, struct mtasts_rua *rua, bool *valid) {
  struct mtasts_span host;
  *valid = false;
  if (authority->len > 0 && authority->data[0] == '[') {
    struct mtasts_span port;
    mtasts_span_drop(authority, 1);
    *valid = mtasts_span_cut(authority, ']', &host) && is_ip_address(AF_INET6, host);
    *valid = *valid && (authority->len == 0 || authority->data[0] == ':');
    mtasts_span_cut(authority, ':', &port);
    return "the URI has an address instead of a host name";
  }
  mtasts_span_cut(authority, ':', &host);
  return host.len == 0 ? "https: has no host" : read_name(host, rua, valid);
}

/* Drops "//" and host [":" port] of RFC 3986 section 3.2. A URI from a stranger that holds a user
 * name is an error (RFC 9110 section 4.2.4). *valid: what is refused is not invalid. */
static const char *take_authority(struct mtasts_span *rest, struct mtasts_rua *rua, bool *valid) {
  const struct mtasts_span slashes = MTASTS_SPAN("//");
  *valid = false;
  if (!mtasts_span_starts(*rest, slashes))
    return "https: is not followed by \"//\" and a host";
  mtasts_span_drop(rest, slashes.len);
  struct mtasts_span authority = {rest->data, 0};
  while (authority.len < rest->len && !strchr("/?#", rest->data[authority.len]))
    authority.len++;
  mtasts_span_drop(rest, authority.len);
  if (authority.len > 0 && memchr(authority.data, '@', authority.len))
    return "the URI has a user name before its host";
  const char *why = take_host(&authority, rua, valid);
  if (read_port(authority, &rua->port))
    return why;
  *valid = false;
  return "the URI's port is not 1 to 65535";
}

static const char *read_https(struct mtasts_span rest, struct mtasts_rua *rua) {
  char port[sizeof ":65535"] = "";
  bool valid;
  const char *why = take_authority(&rest, rua, &valid);
  if (why && !valid)
    return why;
  if (memchr(rest.data, '[', rest.len) || memchr(rest.data, ']', rest.len))
    return "the URI has a byte that must be percent-encoded";
  rua->meant = MTASTS_RUA_HTTPS;
  if (why)
    return why;
  cut_at(&rest, '#');
  if (rua->port != 443)
    snprintf(port, sizeof port, ":%u", (unsigned)rua->port);
  snprintf(rua->target, sizeof rua->target, "https://%s%s%s%.*s", rua->domain.name, port,
           rest.len > 0 && rest.data[0] == '/' ? "" : "/", (int)rest.len, rest.data);
  rua->kind = MTASTS_RUA_HTTPS;
  return NULL;
}

static void clear_domain(struct mtasts_domain *domain) {
  domain->len = 0;
  domain->name[0] = '\0';
}

void mtasts_rua_parse(struct mtasts_span uri, struct mtasts_rua *rua) {
  struct mtasts_span scheme = {NULL, 0};
  rua->kind = rua->meant = MTASTS_RUA_UNUSABLE;
  rua->target[0] = '\0';
  rua->port = 0;
  clear_domain(&rua->domain);
  rua->why = find_flaw(uri);
  if (rua->why)
    return;
  const char *refusal = refuse_uri(uri);
  if (!take_scheme(&uri, &scheme))
    rua->why = "the URI has no scheme: write mailto: before an address";
  else if (mtasts_span_equal_nocase(scheme, MTASTS_SPAN("mailto")))
    rua->why = read_mailto(uri, rua);
  else if (mtasts_span_equal_nocase(scheme, MTASTS_SPAN("https")))
    rua->why = read_https(uri, rua);
  else
    rua->why = "the URI's scheme is neither mailto nor https";
  if (rua->meant == MTASTS_RUA_UNUSABLE)
    clear_domain(&rua->domain);
  if (!refusal)
    return;
  rua->kind = MTASTS_RUA_UNUSABLE;
  rua->target[0] = '\0';
  rua->why = refusal;
}
