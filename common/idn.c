#include "idn.h"

#include <idn2.h>
#include <string.h>

enum {
  TEXT_MAX = 4 * MTASTS_DOMAIN_MAX /* bytes of UTF-8; a longer name cannot be a domain */
};

/* The host in `[host]:port`, `[host]`, `host:port` or `host`. */
static struct mtasts_span host_of(struct mtasts_span text) {
  size_t start = text.data[0] == '[';
  const char *end = memchr(text.data, start ? ']' : ':', text.len);
  size_t stop = end ? (size_t)(end - text.data) : text.len;
  return (struct mtasts_span){text.data + start, stop - start};
}

/* Replaces the host by its A-labels, and keeps brackets and port. */
static enum mtasts_status parse_converted(struct mtasts_span text, struct mtasts_span host,
                                          const char *ascii, struct mtasts_domain *domain) {
  char joined[2 * TEXT_MAX];
  size_t before = (size_t)(host.data - text.data);
  size_t after = text.len - before - host.len;
  size_t len = strlen(ascii);
  if (len > TEXT_MAX)
    return MTASTS_INVALID;
  memcpy(joined, text.data, before);
  memcpy(joined + before, ascii, len);
  memcpy(joined + before + len, host.data + host.len, after);
  return mtasts_domain_parse((struct mtasts_span){joined, before + len + after}, domain);
}

enum mtasts_status mtasts_domain_from_text(struct mtasts_span text, struct mtasts_domain *domain) {
  enum mtasts_status status = mtasts_domain_parse(text, domain);
  if (status != MTASTS_NOT_ASCII)
    return status;

  struct mtasts_span host = host_of(text);
  char utf8[TEXT_MAX + 1];
  char *ascii = NULL;
  if (text.len > TEXT_MAX || host.len == 0 || memchr(host.data, '\0', host.len))
    return MTASTS_INVALID;
  memcpy(utf8, host.data, host.len);
  utf8[host.len] = '\0';
  if (idn2_to_ascii_8z(utf8, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
    return MTASTS_INVALID;
  status = parse_converted(text, host, ascii, domain);
  idn2_free(ascii);
  /* Any other non-ASCII text was outside of the host: a port of digits from another script. */
  return status == MTASTS_NOT_ASCII ? MTASTS_INVALID : status;
}
