#include "transfer.h"

#include "unit.h"

#include <string.h>

const char *const unit_name = "report/transfer";

/* encoding, encoded, decoded */
static void check(unsigned line, const struct unit_field *fields, size_t count) {
  char out[256];
  unit_check(count == 3, "line %u: %zu fields", line, count);
  if (count != 3)
    return;
  struct mtasts_span text = {fields[1].data, fields[1].len};
  size_t len = strcmp(fields[0].data, "base64") == 0 ? mtasts_base64_decode(text, out)
                                                     : mtasts_quoted_printable_decode(text, out);
  unit_check(len == fields[2].len && memcmp(out, fields[2].data, len) == 0, "line %u: got %.*s",
             line, (int)len, out);
  unit_check(len <= text.len, "line %u: %zu bytes became %zu", line, text.len, len);
}

static void vectors(void) {
  unit_vectors("tests/data/report/transfer.tsv", 20, check);
}

const struct unit_test unit_tests[] = {
    {"encodings are decoded leniently", vectors},
    {NULL, NULL},
};
