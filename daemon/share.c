#include "share.h"

#include <string.h>

/* Where a country gives out names at the third level, nearly always below one of these. */
static const char *const seconds[] = {
    "ac",  "co", "com", "edu", "go", "gob", "gouv", "gov",
    "mil", "ne", "net", "nom", "or", "org", "sch",
};

static const char *label_before(const char *name, const char *end) {
  while (end > name && end[-1] != '.')
    end--;
  return end;
}

static bool is_second(const char *label, size_t length) {
  for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
    if (strlen(seconds[i]) == length && memcmp(seconds[i], label, length) == 0)
      return true;
  return false;
}

const char *mtasts_share_name(const struct mtasts_domain *domain) {
  const char *name = domain->name;
  const char *end = name + domain->len;
  const char *top = label_before(name, end);
  if (top == name)
    return name;
  const char *second = label_before(name, top - 1);
  bool country = end - top == 2;
  if (second == name || !country || !is_second(second, (size_t)(top - 1 - second)))
    return second;
  return label_before(name, second - 1);
}
