#include "postfix_reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "ascii.h"
#include "printable.h"
#include "span.h"

/* What match= takes for a host of Postfix's own choice: no policy may slip that in. */
static bool is_keyword(struct mtasts_span name) {
  return mtasts_span_equal(name, MTASTS_SPAN("hostname")) ||
         mtasts_span_equal(name, MTASTS_SPAN("nexthop")) ||
         mtasts_span_equal(name, MTASTS_SPAN("dot-nexthop"));
}

/*
 * Writes an mx pattern as match= takes it, where `*.x` is `.x`. Returns its bytes; 0 where it
 * holds what no host name does.
 */
static size_t put_pattern(struct mtasts_span pattern, char *out) {
  size_t n = 0;
  if (mtasts_span_starts(pattern, MTASTS_SPAN("*."))) {
    out[n++] = '.';
    mtasts_span_drop(&pattern, 2);
  }
  if (pattern.len == 0 || pattern.data[0] == '.')
    return 0;
  for (size_t i = 0; i < pattern.len; i++) {
    char c = mtasts_domain_chars[(unsigned char)pattern.data[i]];
    if (c == '\0')
      return 0;
    out[n++] = c;
  }
  return is_keyword((struct mtasts_span){out, n}) ? 0 : n;
}

__attribute__((format(printf, 2, 3))) static size_t temp(char *out, const char *format, ...) {
  static const size_t most = 1024;
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(out, most, format, arguments);
  va_end(arguments);
  return n < 0 ? 0 : (size_t)n < most ? (size_t)n : most - 1;
}

static size_t put(char *out, struct mtasts_span text) {
  memcpy(out, text.data, text.len);
  return text.len;
}

/* RFC 8461 section 5: only to a host that a pattern matches, with a certificate for it. */
static size_t enforce(const struct mtasts_names *patterns, const char *name, char *out) {
  static const struct mtasts_span end = {" servername=hostname", 20};
  struct mtasts_span pattern;
  size_t n = put(out, MTASTS_SPAN("OK secure match="));
  size_t start = n;
  for (size_t cursor = 0; mtasts_names_next(patterns, &cursor, &pattern);) {
    if (n + pattern.len + 1 + end.len > MTASTS_POSTFIX_REPLY_MAX)
      return temp(out,
                  "TEMP the MTA-STS policy of %s lists more MX hosts than one reply can hold; "
                  "see: mtasts query %s",
                  name, name);
    if (n > start)
      out[n++] = ':';
    size_t len = put_pattern(pattern, out + n);
    if (len == 0)
      return temp(out,
                  "TEMP the MTA-STS policy of %s lists an MX host whose name cannot be told to "
                  "the mail server; see: mtasts query %s",
                  name, name);
    n += len;
  }
  if (n == start)
    return temp(out, "TEMP the MTA-STS policy of %s lists no MX host; see: mtasts query %s", name,
                name);
  return n + put(out + n, end);
}

static size_t defer(const char *name, const struct mtasts_entry *entry, char *out) {
  char why[2 * MTASTS_DETAIL_MAX] = "";
  if (entry)
    mtasts_printable(entry->detail, why, sizeof why);
  return temp(out,
              "TEMP DNSSEC forbids to deliver to %s for now: %s; it is tried again, see: mtasts "
              "query %s",
              name, *why ? why : "a look-up of its MX hosts failed validation", name);
}

size_t mtasts_postfix_reply(const struct mtasts_decision *decision,
                            const struct mtasts_domain *domain, const struct mtasts_entry *entry,
                            const struct mtasts_postfix_settings *settings, char *out) {
  const char *name = domain ? domain->name : "";
  if (settings->site_mode == MTASTS_SITE_MONITOR)
    return put(out, MTASTS_SPAN("NOTFOUND "));
  switch (decision->verdict) {
  case MTASTS_VERDICT_ENFORCE:
    return enforce(&decision->policy->mx, name, out);
  case MTASTS_VERDICT_DANE:
    return put(out, MTASTS_SPAN("OK dane-only"));
  case MTASTS_VERDICT_ENCRYPT:
    return put(out, MTASTS_SPAN("OK encrypt"));
  case MTASTS_VERDICT_DEFER:
    return defer(name, entry, out);
  case MTASTS_VERDICT_UNKNOWN:
    if (settings->on_unknown == MTASTS_UNKNOWN_DEFER)
      return temp(out,
                  "TEMP the MTA-STS policy of %s could not be looked up in time, and on_unknown "
                  "says to defer; see: mtasts query %s",
                  name, name);
    break;
  case MTASTS_VERDICT_NONE:
  case MTASTS_VERDICT_TESTING:
    break;
  }
  return put(out, MTASTS_SPAN("NOTFOUND "));
}
