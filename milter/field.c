#include "field.h"

#include "ascii.h"

bool mtasts_field_is(const char *name, const char *wanted) {
  while (*name && mtasts_lower(*name) == mtasts_lower(*wanted)) {
    name++;
    wanted++;
  }
  return *name == '\0' && *wanted == '\0';
}

/* White space, and the line ends of a folded field, which an MTA hands on. */
static bool is_fws(char c) {
  return mtasts_is_wsp(c) || c == '\r' || c == '\n';
}

bool mtasts_field_says_no(struct mtasts_span value) {
  while (value.len > 0 && is_fws(value.data[0])) {
    value.data++;
    value.len--;
  }
  while (value.len > 0 && is_fws(value.data[value.len - 1]))
    value.len--;
  return value.len == 2 && mtasts_lower(value.data[0]) == 'n' && mtasts_lower(value.data[1]) == 'o';
}
