#include "mailbox_list.h"

#include <arpa/inet.h>

#include "addr_spec.h"
#include "ascii.h"
#include "idn.h"
#include "span.h"
#include "utf8.h"

/* One character of UTF-8 that is not ASCII; 0: there is none. */
static size_t wide_len(struct mtasts_span text) {
  return (unsigned char)text.data[0] < 0x80 ? 0 : mtasts_utf8_len(text);
}

/* atext of RFC 5322 section 3.2.3 */
static size_t atom_len(struct mtasts_span text) {
  char c = text.data[0];
  return mtasts_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c)) ? 1 : wide_len(text);
}

/* Drops a dot-atom; false: there is none. */
static bool take_dot_atom(struct mtasts_span *text) {
  for (bool begun = false;;) {
    size_t len = text->len > 0 ? atom_len(*text) : 0;
    if (len == 0 && !(begun && mtasts_span_take(text, '.')))
      return begun;
    begun = len > 0;
    mtasts_span_drop(text, len);
  }
}

/* Drops a quoted string, whose first quote is dropped (RFC 5322 section 3.2.4). */
static bool take_quoted(struct mtasts_span *text) {
  while (text->len > 0 && !mtasts_span_take(text, '"')) {
    bool escaped = mtasts_span_take(text, '\\');
    size_t len = text->len == 0 ? 0 : wide_len(*text);
    if (len == 0 && text->len > 0 && (mtasts_is_visible(text->data[0]) || text->data[0] == ' '))
      len = 1;
    if (len == 0 || (escaped && len > 1))
      return false;
    mtasts_span_drop(text, len);
    if (text->len == 0)
      return false;
  }
  return true;
}

static bool is_literal(struct mtasts_span text) {
  const struct mtasts_span tag = MTASTS_SPAN("IPv6:");
  char copy[INET6_ADDRSTRLEN] = "";
  unsigned char address[sizeof(struct in6_addr)];
  bool ipv6 =
      text.len > tag.len && mtasts_span_equal_nocase((struct mtasts_span){text.data, tag.len}, tag);
  if (ipv6)
    mtasts_span_drop(&text, tag.len);
  if (text.len >= sizeof copy)
    return false;
  memcpy(copy, text.data, text.len);
  return strlen(copy) == text.len && inet_pton(ipv6 ? AF_INET6 : AF_INET, copy, address) == 1;
}

/* Drops what is behind "@", up to a comma. */
static bool take_domain(struct mtasts_span *text, struct mtasts_domain *domain) {
  struct mtasts_span name;
  if (mtasts_span_take(text, '['))
    return mtasts_span_cut(text, ']', &name) && is_literal(name);
  name = (struct mtasts_span){text->data, 0};
  while (name.len < text->len && text->data[name.len] != ',')
    name.len++;
  mtasts_span_drop(text, name.len);
  /* A port or brackets are a next hop's. */
  return name.len > 0 && !memchr(name.data, ':', name.len) && !memchr(name.data, '[', name.len) &&
         mtasts_domain_from_text(name, domain) == MTASTS_OK && strchr(domain->name, '.');
}

static bool take_address(struct mtasts_span *text, struct mtasts_domain *domain) {
  struct mtasts_span local = *text;
  if (!(mtasts_span_take(text, '"') ? take_quoted(text) : take_dot_atom(text)))
    return false;
  local.len -= text->len;
  return local.len <= MTASTS_LOCAL_PART_MAX && mtasts_span_take(text, '@') &&
         take_domain(text, domain);
}

bool mtasts_mailbox_list_is_valid(struct mtasts_span text, struct mtasts_domain *domain) {
  size_t count = 0;
  bool named = false;
  do {
    domain->len = 0;
    if (!take_address(&text, domain))
      return false;
    named = domain->len > 0;
    count++;
  } while (mtasts_span_take(&text, ','));
  if (count > 1 || !named) {
    domain->len = 0;
    domain->name[0] = '\0';
  }
  return text.len == 0;
}
