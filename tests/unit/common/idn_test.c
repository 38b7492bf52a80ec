#include "idn.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

const char *const unit_name = "common/idn";

static const char *described(enum mtasts_status status, const struct mtasts_domain *domain) {
  if (status == MTASTS_OK)
    return domain->name;
  return status == MTASTS_NO_POLICY ? "=" : status == MTASTS_INVALID ? "-" : "?";
}

static void check_name(unsigned line, const struct unit_field *fields, size_t count) {
  struct mtasts_domain domain;
  if (count != 2) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  /* An exact copy, so that a sanitizer sees the first byte read too far. */
  char *exact = malloc(fields[0].len);
  if (!exact)
    return;
  memcpy(exact, fields[0].data, fields[0].len);
  enum mtasts_status status =
      mtasts_domain_from_text((struct mtasts_span){exact, fields[0].len}, &domain);
  const char *got = described(status, &domain);
  unit_check(strcmp(got, fields[1].data) == 0, "line %u: %s is %s", line, fields[0].data, got);
  free(exact);
}

static void names(void) {
  unit_vectors("tests/data/idn.tsv", 25, check_name);
}

static void any_length(void) {
  char long_name[8192];
  struct mtasts_domain domain;
  for (size_t i = 0; i + 1 < sizeof long_name; i += 2)
    memcpy(long_name + i, "\xc3\xbc", 2);
  for (size_t len = 0; len < sizeof long_name; len += 31) {
    enum mtasts_status status =
        mtasts_domain_from_text((struct mtasts_span){long_name, len}, &domain);
    unit_check(status == MTASTS_INVALID || (len > 0 && len <= 120 && status == MTASTS_OK),
               "%zu bytes: %s", len, mtasts_status_name(status));
  }
}

const struct unit_test unit_tests[] = {{"names as people write them", names},
                                       {"names of any length are refused in time", any_length},
                                       {NULL, NULL}};
