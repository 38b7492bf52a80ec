#include "span.h"

/* sub-domain of RFC 5321 section 4.1.2: letters, digits and, inside, hyphens. */
static bool is_label(struct mtasts_span label) {
  if (label.len == 0 || label.len > MTASTS_LABEL_MAX || label.data[0] == '-' ||
      label.data[label.len - 1] == '-')
    return false;
  for (size_t i = 0; i < label.len; i++)
    if (!mtasts_is_alnum(label.data[i]) && label.data[i] != '-')
      return false;
  return true;
}

static void strip_dot(struct mtasts_span *name) {
  if (name->len > 0 && name->data[name->len - 1] == '.')
    name->len--;
}

size_t mtasts_mx_pattern(struct mtasts_span text, char *out) {
  strip_dot(&text);
  if (text.len == 0 || text.len > MTASTS_DOMAIN_MAX)
    return 0;
  /* sts-policy-mx-value of RFC 8461 section 3.2: ["*."] Domain */
  struct mtasts_span rest = text;
  struct mtasts_span label;
  if (mtasts_span_starts(rest, MTASTS_SPAN("*.")))
    mtasts_span_drop(&rest, 2);
  bool more;
  do {
    more = mtasts_span_cut(&rest, '.', &label);
    if (!is_label(label))
      return 0;
  } while (more);
  /* No top-level domain is a number (RFC 3696 section 2): this is an IPv4 address. */
  if (mtasts_span_is_digits(label))
    return 0;
  for (size_t i = 0; i < text.len; i++)
    out[i] = mtasts_lower(text.data[i]);
  return text.len;
}

struct mtasts_span mtasts_mx_match(const struct mtasts_names *patterns, struct mtasts_span host) {
  const struct mtasts_span none = {NULL, 0};
  char lower[MTASTS_DOMAIN_MAX];
  strip_dot(&host);
  if (host.len == 0 || host.len > sizeof lower)
    return none;
  for (size_t i = 0; i < host.len; i++)
    lower[i] = mtasts_lower(host.data[i]);
  struct mtasts_span name = {lower, host.len};

  /* RFC 8461 section 4.1: `*.` stands for exactly the whole leftmost label. So `parent`, the host
   * without its first label, must equal the pattern without its star. */
  struct mtasts_span parent = name;
  while (parent.len > 0 && parent.data[0] != '.')
    mtasts_span_drop(&parent, 1);
  bool has_label = parent.len < name.len;

  struct mtasts_span pattern;
  for (size_t cursor = 0; mtasts_names_next(patterns, &cursor, &pattern);) {
    struct mtasts_span tail = pattern;
    bool wildcard = mtasts_span_take(&tail, '*');
    if (wildcard ? has_label && mtasts_span_equal(tail, parent) : mtasts_span_equal(tail, name))
      return pattern;
  }
  return none;
}

bool mtasts_names_next(const struct mtasts_names *names, size_t *cursor, struct mtasts_span *name) {
  if (*cursor >= names->size)
    return false;
  const unsigned char *entry = names->data + *cursor;
  size_t len = entry[0];
  if (len == 0 || len > MTASTS_DOMAIN_MAX || len >= names->size - *cursor)
    return false;
  *name = (struct mtasts_span){(const char *)entry + 1, len};
  *cursor += 1 + len;
  return true;
}
