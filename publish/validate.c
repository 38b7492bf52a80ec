#include "validate.h"

#include <string.h>

#include "ascii.h"
#include "idn.h"
#include "utf8.h"

static bool has_any(struct mtasts_span text, const char *bytes) {
  for (size_t i = 0; i < text.len; i++)
    if (text.data[i] == '\0' || strchr(bytes, text.data[i]))
      return true;
  return false;
}

const char *mtasts_validate_domain(struct mtasts_span text, struct mtasts_domain *domain) {
  char host[MTASTS_DOMAIN_MAX];
  if (has_any(text, "[]:") || mtasts_domain_from_text(text, domain) != MTASTS_OK)
    return "not a domain name; write it as in example.com";
  /* No CA certifies the policy host of a domain with an underscore, and web servers refuse it. */
  if (mtasts_mx_pattern((struct mtasts_span){domain->name, domain->len}, host) == 0)
    return "not a host name, so no certificate can have it: only letters, digits and, inside, "
           "hyphens";
  return NULL;
}

const char *mtasts_validate_host(struct mtasts_span text, struct mtasts_domain *name) {
  return mtasts_validate_domain(text, name) ? "neither an IP address nor a host name" : NULL;
}

/* Space in Unicode beyond ASCII: a web server may take it for the end of a word. */
static bool is_space(struct mtasts_span text) {
  static const char *const spaces[] = {
      "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
      "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
      "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
      "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80", "\xef\xbb\xbf"};
  for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
    if (mtasts_span_starts(text, mtasts_span_of(spaces[i])))
      return true;
  return false;
}

/* A byte of ASCII that no server takes for anything but a part of a path. */
static bool is_plain(char c) {
  return mtasts_is_visible(c) && !strchr("\"'`{}$\\;*?[]<>", c);
}

const char *mtasts_validate_path(const char *path, bool host) {
  static const char refused[] =
      "the path may have no white space, quotes, braces, or any of $ \\ ; * ? [ ] < >";
  const struct mtasts_span placeholder = MTASTS_SPAN("{host}");
  struct mtasts_span left = mtasts_span_of(path);
  if (left.len == 0 || left.len > MTASTS_PUBLISH_PATH_MAX)
    return "the path is empty or too long";
  while (left.len > 0) {
    size_t len = 1;
    if (host && mtasts_span_starts(left, placeholder))
      len = placeholder.len;
    else if ((unsigned char)left.data[0] >= 0x80)
      len = is_space(left) ? 0 : mtasts_utf8_len(left);
    else if (!is_plain(left.data[0]))
      len = 0;
    if (len == 0)
      return host ? "the path may have no white space, quotes, braces but {host}, or any of "
                    "$ \\ ; * ? [ ] < >"
                  : refused;
    left.data += len;
    left.len -= len;
  }
  return NULL;
}
