#include <stdio.h>
#include <string.h>

#include "mtasts.h"
#include "unit.h"

const char *const unit_name = "domain";

static void check_vector(unsigned line, const struct unit_field *fields, size_t count) {
  unit_check(count == 3, "line %u: not three fields", line);
  if (count != 3)
    return;
  struct mtasts_domain domain = {.name = "untouched", .len = 9};
  struct mtasts_span text = {fields[1].data, fields[1].len};
  enum mtasts_status status = mtasts_domain_parse(text, &domain);

  char found[sizeof domain.name];
  if (status == MTASTS_OK)
    snprintf(found, sizeof found, "%s", domain.name);
  else
    snprintf(found, sizeof found, "(%s)", mtasts_status_name(status));
  unit_check(strcmp(found, fields[2].data) == 0, "line %u: %s: %s", line, fields[0].data, found);
  unit_check(domain.len == strlen(domain.name), "line %u: %s: length", line, fields[0].data);
  unit_check(status == MTASTS_OK || strcmp(domain.name, "untouched") == 0,
             "line %u: %s: domain written", line, fields[0].data);
}

static void vectors(void) {
  unit_vectors("tests/data/domain.tsv", 60, check_vector);
}

/* The end of the span is the end of the text, whatever stands behind it. */
static void reads_the_span_alone(void) {
  struct mtasts_domain domain;
  struct mtasts_span text = {"example.com", 9};
  CU_ASSERT_EQUAL(mtasts_domain_parse(text, &domain), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(domain.name, "example.c");
}

static void no_bytes(void) {
  struct mtasts_domain domain;
  CU_ASSERT_EQUAL(mtasts_domain_parse((struct mtasts_span){NULL, 0}, &domain), MTASTS_INVALID);
}

const struct unit_test unit_tests[] = {
    {"every text of domain.tsv gives the policy domain it says", vectors},
    {"nothing behind the span is read", reads_the_span_alone},
    {"a span without bytes is no domain", no_bytes},
    {NULL, NULL},
};
