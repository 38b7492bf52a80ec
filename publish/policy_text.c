#include "policy_text.h"

#include "ascii.h"

void mtasts_policy_text(FILE *stream, const struct mtasts_publication *publication) {
  fprintf(stream, "version: STSv1\r\nmode: %s\r\n", mtasts_mode_name(publication->mode));
  for (size_t i = 0; i < publication->mx.count; i++)
    fprintf(stream, "mx: %s\r\n", publication->mx.items[i]);
  fprintf(stream, "max_age: %u\r\n", publication->max_age);
}

static bool has(const struct mtasts_names *names, struct mtasts_span wanted) {
  struct mtasts_span name;
  for (size_t cursor = 0; mtasts_names_next(names, &cursor, &name);)
    if (mtasts_span_equal(name, wanted))
      return true;
  return false;
}

static bool has_all(const struct mtasts_names *names, const struct mtasts_names *wanted) {
  struct mtasts_span name;
  for (size_t cursor = 0; mtasts_names_next(wanted, &cursor, &name);)
    if (!has(names, name))
      return false;
  return true;
}

bool mtasts_policy_same(const struct mtasts_policy *a, const struct mtasts_policy *b) {
  return a->mode == b->mode && a->max_age == b->max_age && has_all(&a->mx, &b->mx) &&
         has_all(&b->mx, &a->mx);
}
