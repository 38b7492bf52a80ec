#include "field.h"

#include "ascii.h"

bool mtasts_field_is(const char *name, const char *wanted) {
  return mtasts_span_equal_nocase(mtasts_span_of(name), mtasts_span_of(wanted));
}

/* White space, and the line ends that an MTA passes in a folded field. */
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
  return mtasts_span_equal_nocase(value, MTASTS_SPAN("no"));
}
